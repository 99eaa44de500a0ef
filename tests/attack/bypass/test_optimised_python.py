"""``python -O`` and ``-OO``: what was an ``assert`` or a docstring is gone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

ATTACKS = """
import asyncio, json
from fastapi import Depends, FastAPI
from kinde_guard import KindeGuard, require_scopes
from tests.core.exchange import call
from tests.mint import *

key, stranger = SigningKey.rsa(KID), SigningKey.rsa(KID)
tenant, server = Tenant(key), KeyServer(key)
guard = KindeGuard(
    DOMAIN, audience=AUDIENCE, clock=tenant.clock, http_client=server.client(),
    public_paths=["/assets/*"],
)
app, bare = FastAPI(), FastAPI()

for one in (app, bare):
    @one.get("/users", dependencies=[Depends(require_scopes("read:users"))])
    async def users() -> str:
        return "REACHED"

guard.install(app)
claims = tenant.claims("read:users")
ATTACKS = {
    "good": tenant.token("read:users"),
    "none": None,
    "empty": "",
    "unsigned": compact(tenant.header(alg="none"), claims),
    "forged": tenant.token("read:users", key=stranger),
    "hmac": compact(tenant.header(alg="HS256"), claims,
                    sign=lambda data: hmac_signature(key.public_pem, data)),
    "expired": tenant.token("read:users", exp=1),
    "endless": tenant.token("read:users", exp=OMIT),
    "exp-none": tenant.token("read:users", exp=None),
    "immature": tenant.token("read:users", nbf=NOW + 600),
    "issuer": tenant.token("read:users", iss="https://evil.example"),
    "issuer-missing": tenant.token("read:users", iss=OMIT),
    "audience": tenant.token("read:users", aud=["https://other.example"]),
    "audience-missing": tenant.token("read:users", aud=OMIT),
    "id-token": tenant.id_token(),
    "webhook": tenant.webhook_jwt(),
    "critical": tenant.token("read:users", header={"crit": ["b64"]}),
    "type": tenant.token("read:users", header={"typ": "secevent+jwt"}),
    "scope": tenant.token("read:user"),
    "scope-type": tenant.token(scope=None),
    "subject": tenant.token("read:users", sub=["a"]),
}


async def main() -> None:
    answers = {}
    for name, token in ATTACKS.items():
        answers[name] = (await call(app, "/users", token=token)).status
    answers["path"] = (await call(app, "/assets/../users")).status
    answers["bare"] = (await call(bare, "/users", token=ATTACKS["good"])).status
    for wrong in ({"algorithms": ["none"]}, {"leeway": -1}, {"audience": ""}):
        try:
            KindeGuard(DOMAIN, **{"audience": AUDIENCE, **wrong})
        except ValueError:
            answers[f"setting-{next(iter(wrong))}"] = "refused"
    print(json.dumps({"debug": __debug__, **answers}))


asyncio.run(main())
"""

ANSWERS = dict.fromkeys(
    [
        "none",
        "empty",
        "unsigned",
        "forged",
        "hmac",
        "expired",
        "endless",
        "exp-none",
        "immature",
        "issuer",
        "issuer-missing",
        "audience",
        "audience-missing",
        "id-token",
        "webhook",
        "critical",
        "type",
        "subject",
        "path",
    ],
    401,
)


def test_python_without_assertions_refuses_the_same(nightly: bool) -> None:
    """A server that runs with ``python -O`` or ``PYTHONOPTIMIZE``, where assertions are gone.

    Seen: openmed, issue 1407; open_deep_research, pull request 307; pysaml2, issue 451.
    """
    for option in ("-OO", "-O") if nightly else ("-OO",):
        _refuses_the_same(option)


def _refuses_the_same(option: str) -> None:
    ran = subprocess.run(
        [sys.executable, option, "-c", ATTACKS],
        capture_output=True,
        check=False,
        cwd=ROOT,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    wanted = {"good": 200, **ANSWERS, "scope": 403, "scope-type": 403, "bare": 500}
    settings = dict.fromkeys(
        ("setting-algorithms", "setting-leeway", "setting-audience"), "refused"
    )
    assert json.loads(ran.stdout) == {"debug": False, **wanted, **settings}
