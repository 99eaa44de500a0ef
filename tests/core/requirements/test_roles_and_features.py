"""Roles, features and permissions that count as scopes: which token is let in, which is not."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import Depends, FastAPI

from kinde_guard import (
    FeatureUnavailable,
    GuardError,
    InsufficientRole,
    InsufficientScope,
    KindeGuard,
    require_any_role,
    require_feature,
    require_roles,
    require_scopes,
)
from kinde_guard.requirements.requirement import Requirement
from tests.core.conftest import MakeGuard
from tests.core.exchange import Answer, call, check_refusal
from tests.mint import OMIT, Tenant

pytestmark = pytest.mark.anyio

ADMIN = {"id": "1", "key": "admin", "name": "Administrator"}
OWNER = {"id": "2", "key": "owner", "name": "Owner"}
PERSON = {"sub": "kp_1", "gty": OMIT, "azp": "front"}


def app_needing(guard: KindeGuard, *requirements: Requirement) -> FastAPI:
    app = FastAPI()

    @app.get("/", dependencies=[Depends(each) for each in requirements])  # type: ignore[arg-type]
    async def served() -> str:
        return "served"

    guard.install(app)
    return app


def flag(kind: str, value: Any) -> dict[str, Any]:
    return {"feature_flags": {"theme": {"t": kind, "v": value}}}


def check_rejection(answer: Answer, error: type[GuardError], member: str, wanted: object) -> None:
    description = error.description
    assert (answer.status, answer.json) == (
        403,
        {
            "type": "about:blank",
            "title": "Forbidden",
            "status": 403,
            "detail": description,
            "error": "insufficient_scope",
            "reason": error.reason,
            member: wanted,
        },
    )
    assert dict(answer.headers) == {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        "content-length": str(len(answer.body)),
        "www-authenticate": 'Bearer realm="api", error="insufficient_scope", '
        f'error_description="{description}"',
    }


async def answer_to(
    guard: KindeGuard, tenant: Tenant, requirement: Requirement, claims: dict[str, Any]
) -> Answer:
    return await call(app_needing(guard, requirement), token=tenant.token(**claims))


@pytest.mark.parametrize(
    ("requirement", "roles"),
    [
        (require_roles("admin"), [ADMIN]),
        (require_roles("admin", "owner"), [OWNER, ADMIN]),
        (require_any_role("admin", "owner"), [OWNER]),
        (require_any_role("admin", "owner"), "guest owner"),
        (require_roles("admin"), ["admin"]),
    ],
)
async def test_user_with_the_roles_is_let_in(
    requirement: Requirement, roles: Any, guard: KindeGuard, tenant: Tenant
) -> None:
    assert (await answer_to(guard, tenant, requirement, {"roles": roles})).status == 200


@pytest.mark.parametrize(
    ("requirement", "roles"),
    [
        (require_roles("admin"), OMIT),
        (require_roles("admin"), []),
        (require_roles("admin"), ["Admin"]),
        (require_roles("admin"), ["administrator"]),
        (require_roles("Administrator"), [ADMIN]),
        (require_roles("admin", "owner"), [ADMIN]),
        (require_any_role("admin", "owner"), ["guest"]),
    ],
)
async def test_user_without_the_roles_is_rejected(
    requirement: Any, roles: Any, guard: KindeGuard, tenant: Tenant
) -> None:
    answer = await answer_to(guard, tenant, requirement, {"roles": roles})
    check_rejection(answer, InsufficientRole, "required_roles", list(requirement.keys))


@pytest.mark.parametrize(
    ("requirement", "claims"),
    [
        (require_feature("theme"), flag("b", True)),
        (require_feature("theme", False), flag("b", False)),
        (require_feature("theme", "pink"), flag("s", "pink")),
        (require_feature("theme", 3), flag("i", 3)),
    ],
)
async def test_feature_of_the_value_is_let_in(
    requirement: Requirement, claims: dict[str, Any], guard: KindeGuard, tenant: Tenant
) -> None:
    assert (await answer_to(guard, tenant, requirement, claims)).status == 200


@pytest.mark.parametrize(
    ("requirement", "claims"),
    [
        (require_feature("theme"), {}),
        (require_feature("theme"), flag("b", False)),
        (require_feature("theme"), flag("i", 1)),
        (require_feature("theme"), flag("s", "true")),
        (require_feature("theme", 1), flag("b", True)),
        (require_feature("theme", "pink"), flag("s", "blue")),
        (require_feature("theme", False), {}),
    ],
)
async def test_feature_of_another_value_or_type_is_rejected(
    requirement: Any, claims: dict[str, Any], guard: KindeGuard, tenant: Tenant
) -> None:
    answer = await answer_to(guard, tenant, requirement, claims)
    wanted = {"theme": requirement.value}
    check_rejection(answer, FeatureUnavailable, "required_features", wanted)


@pytest.mark.parametrize(
    "value", [None, [], {}, float("nan"), float("inf"), b"pink"], ids=["0", "1", "2", "3", "4", "5"]
)
def test_value_that_no_flag_has_is_a_mistake_where_it_stands(value: Any) -> None:
    with pytest.raises(ValueError, match="theme"):
        require_feature("theme", value)


@pytest.mark.parametrize("make", [require_roles, require_any_role, require_feature])
@pytest.mark.parametrize("key", ["", "a b", ["a"], None, 'a"'])
def test_key_that_is_no_name_is_a_mistake_where_it_stands(make: Any, key: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own text
        make(key)


def test_labels_and_document_name_what_is_required(guard: KindeGuard) -> None:
    requirements = (
        require_roles("admin"),
        require_any_role("editor", "owner"),
        require_feature("beta"),
        require_feature("theme", "pink"),
    )
    assert [each.label for each in requirements] == [
        "roles admin",
        "role editor or owner",
        "feature beta",
        "feature theme = 'pink'",
    ]
    operation = app_needing(guard, *requirements).openapi()["paths"]["/"]["get"]
    assert operation["x-required-roles"] == ["admin", "editor", "owner"]
    assert operation["x-required-features"] == {"beta": True, "theme": "pink"}


@pytest.mark.parametrize("claim", ["permissions", "x-hasura-permissions"])
async def test_permissions_of_a_person_count_as_scopes_where_set(
    claim: str, make_guard: MakeGuard, tenant: Tenant
) -> None:
    guard = make_guard(permissions_as_scopes=True)
    claims: dict[str, Any] = {**PERSON, claim: ["read:users"]}
    app = app_needing(guard, require_scopes("read:users"))
    assert (await call(app, token=tenant.token(**claims))).status == 200
    both = app_needing(guard, require_scopes("audit", "read:users"))
    assert (await call(both, token=tenant.token("audit", **claims))).status == 200


async def test_permissions_of_a_machine_never_count_as_scopes(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    app = app_needing(make_guard(permissions_as_scopes=True), require_scopes("read:users"))
    answer = await call(app, token=tenant.token(permissions=["read:users"]))
    check_refusal(answer, InsufficientScope, required=["read:users"])


async def test_permissions_are_no_scopes_unless_set(guard: KindeGuard, tenant: Tenant) -> None:
    app = app_needing(guard, require_scopes("read:users"))
    answer = await call(app, token=tenant.token(**PERSON, permissions=["read:users"]))
    check_refusal(answer, InsufficientScope, required=["read:users"])
