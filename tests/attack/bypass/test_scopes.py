"""A token that was granted less than the route asks for."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Security

from kinde_guard import (
    AccessToken,
    current_token,
    require_any_scope,
    require_org,
    require_permissions,
    require_scopes,
    require_token,
)
from tests.attack.bypass.target import MakeGuard, Target
from tests.core.exchange import call, check_refusal
from tests.mint import OMIT, Tenant

pytestmark = pytest.mark.anyio

NEEDED = "read:users"


async def _denies(target: Target, token: str, **request: Any) -> None:
    from kinde_guard import InsufficientScope  # noqa: PLC0415

    answer = await call(target.app, "/users", token=token, **request)
    assert target.reached == []
    check_refusal(answer, InsufficientScope, required=[NEEDED])


@pytest.mark.parametrize(
    "granted",
    [
        *("read:user", "read:userss", "xread:users", "read", "users", "read:", ":users"),
        *("READ:USERS", "Read:Users", "read:USERS", "write:users", "read:users:all"),
        *("*", "read:*", "*:users", "read:.*", "admin", "all", "read users"),
        *("read:users,create:users", "read:users;", "read%3Ausers", "read+users"),
        *("\u0440ead:users", "read\uff1ausers", "read:users\u200b", "\ufeffread:users"),
    ],
)
async def test_scope_that_is_only_alike_is_not_enough(
    granted: str, target: Target, tenant: Tenant
) -> None:
    """A scope that contains, begins like, generalises or looks like the one that is needed.

    Seen: checks of the kind ``"read:users" in token["scope"]``, which find parts;
    mcp-context-forge, issue 4671 (scopes that nobody compared).
    """
    await _denies(target, tenant.token(scope=granted, scp=granted.split()))
    await _denies(target, tenant.token(scope=OMIT, scp=[granted]))
    await target.lets_in(token=tenant.token(scope=f"openid {NEEDED}", scp=OMIT))


@pytest.mark.parametrize(
    "claims",
    [
        {"scope": "", "scp": [NEEDED]},
        {"scope": " ", "scp": [NEEDED]},
        {"scope": [], "scp": [NEEDED]},
        {"scope": None, "scp": [NEEDED]},
        {"scope": 0, "scp": [NEEDED]},
        {"scope": "create:users", "scp": [NEEDED]},
        {"scope": {NEEDED: True}, "scp": [NEEDED]},
    ],
)
async def test_scope_that_was_asked_for_is_not_granted(
    claims: dict[str, Any], target: Target, tenant: Tenant
) -> None:
    """What a machine merely asked for, taken for what it was granted.

    Seen: guards that unite ``scope`` and ``scp``; Kinde, "Token structure": ``scp`` is "the list of
    scopes initially requested".
    """
    await _denies(target, tenant.token(**claims))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1,
        1.5,
        {NEEDED: True},
        {"scope": NEEDED},
        [[NEEDED]],
        [NEEDED, 1],
        [None, NEEDED],
        [f"{NEEDED} admin"],
        [f" {NEEDED}"],
        f'["{NEEDED}"]',
        f"['{NEEDED}']",
        [list(NEEDED)],
    ],
)
@pytest.mark.parametrize("claim", ["scope", "scp"])
async def test_scope_of_an_odd_type_grants_nothing(
    claim: str, value: Any, target: Target, tenant: Tenant
) -> None:
    """Scopes as an object, a nested array, an array in a text, a text in an array.

    Seen: checks that iterate whatever they find; a 500 where a 403 was due.
    """
    claims = {"scope": OMIT, "scp": OMIT, claim: value}
    await _denies(target, tenant.token(**claims))


@pytest.mark.parametrize(
    "claim",
    ["scopes", "Scope", "SCOPE", "scp ", "permissions", "roles", "groups", "entitlements", "aud"],
)
async def test_scope_in_another_claim_does_not_count(
    claim: str, target: Target, tenant: Tenant
) -> None:
    """The needed scope in a claim that says something else, such as a user's permissions.

    Seen: guards that read scopes, roles and permissions as one list.
    """
    claims: dict[str, Any] = {"scope": OMIT, "scp": OMIT}
    value = [tenant.audience, NEEDED] if claim == "aud" else [NEEDED]
    await _denies(target, tenant.token(**{**claims, claim: value}))
    await _denies(target, tenant.token(**{**claims, claim: value, "scope": ""}))


async def test_scope_that_the_request_brings_does_not_count(target: Target, tenant: Tenant) -> None:
    """The needed scope in the query, in a header, in a cookie or in the body.

    Seen: gateways that trust ``X-Scope`` headers from outside; project-zeno, pull request 268.
    """
    headers = {"x-scope": NEEDED, "scope": NEEDED, "x-scopes": NEEDED, "cookie": f"scope={NEEDED}"}
    query = b"scope=read:users&scopes=read:users&security_scopes=read:users"
    body = b'{"scope": "read:users", "security_scopes": {"scopes": []}}'
    await _denies(target, tenant.token("openid"), headers=headers, query_string=query, body=body)


@pytest.mark.parametrize(
    "scopes",
    [
        (),
        ("",),
        (" ",),
        ("read:users create:users",),
        (["read:users"],),
        (None,),
        ("read\nusers",),
        ("read:users", ""),
        (b"read:users",),
        ({"read:users"},),
        ('"',),
        ("é",),
    ],
)
@pytest.mark.parametrize("require", [require_scopes, require_any_scope, require_permissions])
def test_requirement_that_asks_for_nothing_is_no_requirement(require: Any, scopes: Any) -> None:
    """An empty or mistyped requirement, which every token meets, or none.

    Seen: ``all([])`` is true; a bare text iterates as its characters; fastmcp refuses both too.
    """
    with pytest.raises(ValueError, match=r"given|no name"):
        require(*scopes)


#: FastAPI's own idiom around every dependency of this package.
SECURED: dict[str, Any] = {
    "current_token": lambda: Security(current_token, scopes=["admin"]),
    "require_token": lambda: Security(require_token(), scopes=["admin"]),
    "require_scopes": lambda: Security(require_scopes(NEEDED), scopes=["admin"]),
    "require_any_scope": lambda: Security(require_any_scope(NEEDED, "x"), scopes=["admin"]),
    "require_permissions": lambda: Security(require_permissions("p"), scopes=["admin"]),
    "require_org": lambda: Security(require_org("org"), scopes=["admin"]),
}


def _outer(token: Annotated[AccessToken, Depends(require_token())]) -> AccessToken:
    return token


SECURED["inherited"] = lambda: Security(_outer, scopes=["admin"])


@pytest.mark.parametrize("make", SECURED.values(), ids=SECURED)
async def test_scopes_of_security_are_asked_for(
    make: Any, make_guard: MakeGuard, tenant: Tenant
) -> None:
    """``Security(require_token(), scopes=["admin"])``: scopes that FastAPI hands to whoever asks.

    Seen: here, before the release; FastAPI, "OAuth2 scopes": a dependency that takes no
    ``SecurityScopes`` drops them.
    """
    app, reached = FastAPI(), list[str]()

    @app.get("/orgs/{org}", dependencies=[make()])
    async def secured(org: str) -> None:
        reached.append(org)

    make_guard().install(app)
    claims: dict[str, Any] = {"permissions": ["p"], "org_code": "org_1"}
    answer = await call(app, "/orgs/org_1", token=tenant.token(NEEDED, **claims))
    assert (answer.status, reached) == (403, [])
    answer = await call(app, "/orgs/org_1", token=tenant.token(NEEDED, "admin", **claims))
    assert (answer.status, reached) == (200, ["org_1"])


@pytest.mark.parametrize(
    "org_code",
    ["org_2", "org_", "org_11", "ORG_1", "", OMIT, "org_1 ", "org_1\n", "*", "org_1,org_2"],
)
async def test_token_of_another_organization_is_denied(
    org_code: Any, make_guard: MakeGuard, tenant: Tenant
) -> None:
    """A token of another organization, or of none, for the organization in the path.

    Seen: Kinde, "Enforce org M2M access in your API"; OWASP API1:2023.
    """
    app, reached = FastAPI(), list[str]()

    @app.get("/orgs/{org_code}/bills", dependencies=[Depends(require_org())])
    async def bills(org_code: str) -> None:
        reached.append(org_code)

    make_guard().install(app)
    claims = {"org_code": org_code, "org_codes": ["org_1"], "orgCode": "org_1"}
    answer = await call(app, "/orgs/org_1/bills", token=tenant.token(**claims))
    assert (answer.status, answer.json["reason"], reached) == (403, "wrong_organization", [])
    answer = await call(app, "/orgs/org_1/bills", token=tenant.token(org_code="org_1"))
    assert (answer.status, reached) == (200, ["org_1"])


@pytest.mark.parametrize("value", ["p", None, True, {"p": 1}, ["P"], ["pp"], ["p", 1], [["p"]], []])
async def test_permission_of_an_odd_type_grants_nothing(
    value: Any, make_guard: MakeGuard, tenant: Tenant
) -> None:
    """Permissions as a text that contains the needed one, an object, an array of something else.

    Seen: checks of the kind ``"p" in token["permissions"]``.
    """
    app, reached = FastAPI(), list[str]()

    @app.get("/bills", dependencies=[Depends(require_permissions("p"))])
    async def bills() -> None:
        reached.append("bills")

    make_guard().install(app)
    answer = await call(app, "/bills", token=tenant.token(permissions=value))
    assert (answer.status, answer.json["reason"]) == (403, "insufficient_permissions")
    answer = await call(app, "/bills", token=tenant.token(permissions=["p"]))
    assert (answer.status, reached) == (200, ["bills"])
