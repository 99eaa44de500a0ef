"""The log line of a missing scope says which setting, or which toggle in Kinde, is missing."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from fastapi import Depends, FastAPI

from kinde_guard import require_any_scope, require_scopes
from kinde_guard.requirements.missing_scopes import SETTING_IS_OFF, TOGGLE_IS_OFF
from tests.core.conftest import MakeGuard
from tests.core.exchange import call
from tests.mint import OMIT, Tenant

pytestmark = pytest.mark.anyio

SETTING = f" ({SETTING_IS_OFF})"
TOGGLE = f" ({TOGGLE_IS_OFF})"


@pytest.mark.parametrize(
    ("path", "settings", "claims", "note"),
    [
        ("/users", {}, {"permissions": ["read:users"]}, SETTING),
        ("/users", {}, {"x-hasura-permissions": ["read:users"]}, SETTING),
        ("/any", {}, {"permissions": ["admin"]}, SETTING),
        ("/users", {}, {"permissions": ["read:bills"]}, ""),
        ("/users", {}, {"permissions": []}, ""),
        ("/users", {}, {}, TOGGLE),
        ("/users", {"permissions_as_scopes": True}, {}, TOGGLE),
        ("/users", {"permissions_as_scopes": True}, {"permissions": ["read:bills"]}, ""),
        ("/users", {}, {"permissions": ["read:users"], "gty": ["client_credentials"]}, ""),
        ("/users", {}, {"gty": ["client_credentials"]}, ""),
    ],
)
async def test_log_line_tells_why_a_user_lacks_a_scope(
    path: str,
    settings: dict[str, Any],
    claims: dict[str, Any],
    note: str,
    make_guard: MakeGuard,
    tenant: Tenant,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = FastAPI()
    app.get("/users", dependencies=[Depends(require_scopes("read:users"))])(lambda: None)
    app.get("/any", dependencies=[Depends(require_any_scope("read:users", "admin"))])(lambda: None)
    make_guard(**settings).install(app)
    token = tenant.token("openid", sub="kp_1", **{"gty": OMIT, **claims})
    with caplog.at_level(logging.INFO, "kinde_guard.refusals"):
        answer = await call(app, path, token=token)
    lines = [each.getMessage() for each in caplog.records if each.name == "kinde_guard.refusals"]
    assert (answer.status, len(lines)) == (403, 1)
    assert lines[0].startswith(f"403 insufficient_scope GET {path} ")
    assert lines[0].partition(" (")[2] == note.removeprefix(" (")
