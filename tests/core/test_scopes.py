"""Which scopes a token holds, and which of them a route is satisfied with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Security

from kinde_guard import (
    AccessToken,
    InsufficientScope,
    KindeGuard,
    current_token,
    require_any_scope,
    require_permissions,
    require_scopes,
)
from kinde_guard.verification.scopes import granted_scopes
from tests.core.conftest import MakeApp, MakeGuard
from tests.core.exchange import call, check_refusal
from tests.mint import OMIT, Tenant

pytestmark = pytest.mark.anyio

# --- which claim ---------------------------------------------------------------------------------

PRECEDENCE: list[tuple[Any, Any, set[str]]] = [
    ("read:users", ["read:users"], {"read:users"}),
    ("read:users", ["create:users"], {"read:users"}),
    ("", ["create:users"], set()),
    ([], ["create:users"], set()),
    (" ", ["create:users"], set()),
    (None, ["create:users"], set()),
    (5, ["create:users"], set()),
    ({}, ["create:users"], set()),
    (False, ["create:users"], set()),
    (OMIT, ["create:users"], {"create:users"}),
    (OMIT, "create:users read:users", {"create:users", "read:users"}),
    (OMIT, None, set()),
    (OMIT, OMIT, set()),
    ("read:users", OMIT, {"read:users"}),
]


@pytest.mark.parametrize(("scope", "scp", "held"), PRECEDENCE)
async def test_first_claim_that_is_present_decides(
    scope: object, scp: object, held: set[str], guard: KindeGuard, tenant: Tenant
) -> None:
    token = await guard.verify(tenant.token(scope=scope, scp=scp))
    assert token.scopes == held


async def test_scopes_that_were_asked_for_but_not_granted_give_403(
    app: FastAPI, tenant: Tenant
) -> None:
    answer = await call(app, "/users", token=tenant.token(scope="", scp=["read:users"]))
    check_refusal(answer, InsufficientScope, required=["read:users"])


async def test_scope_claims_setting_names_the_claims_and_their_order(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    guard = make_guard(scope_claims=("permissions", "scp"))
    raw = tenant.token("read:users", permissions=["delete:users"], scp=["create:users"])
    assert (await guard.verify(raw)).scopes == {"delete:users"}
    raw = tenant.token("read:users", scp=["create:users"])
    assert (await guard.verify(raw)).scopes == {"create:users"}


@pytest.mark.parametrize(
    ("claims", "held"),
    [
        ({"scope": "a", "scp": ["b"]}, {"a"}),
        ({"scp": ["b"], "scope": ""}, set()),
        ({"scp": ["b"]}, {"b"}),
        ({"scopes": "c"}, set()),
    ],
)
def test_scope_then_scp_are_read_where_nothing_else_is_set(
    claims: dict[str, object], held: set[str]
) -> None:
    assert granted_scopes(claims) == held


# --- how it is read ------------------------------------------------------------------------------

READINGS: list[tuple[Any, set[str]]] = [
    ("a b", {"a", "b"}),
    ("  a   b  ", {"a", "b"}),
    ("a\tb\nc\r\nd\x0be\x0cf", {"a", "b", "c", "d", "e", "f"}),
    ("a\u3000b\u2003c", {"a", "b", "c"}),
    ("a a a", {"a"}),
    ("a,b", {"a,b"}),
    (["a", "b"], {"a", "b"}),
    (["a b"], {"a b"}),
    ([], set()),
    (["a", 5], set()),
    (["a", None], set()),
    (["a", ["b"]], set()),
    ([["a"]], set()),
    (5, set()),
    (1.5, set()),
    (True, set()),
    (None, set()),
    ({"a": True}, set()),
    ("", set()),
]


@pytest.mark.parametrize(("claim", "held"), READINGS)
async def test_scope_claim_gives_these_scopes(
    claim: object, held: set[str], guard: KindeGuard, tenant: Tenant
) -> None:
    token = await guard.verify(tenant.token(scope=claim, scp=OMIT))
    assert token.scopes == held


@pytest.mark.parametrize("claim", [5, None, True, {"read:users": 1}, ["read:users", 5]], ids=repr)
async def test_scope_claim_of_another_type_gives_403_never_500(
    claim: object, app: FastAPI, tenant: Tenant
) -> None:
    answer = await call(app, "/users", token=tenant.token(scope=claim, scp=["read:users"]))
    check_refusal(answer, InsufficientScope, required=["read:users"])


@pytest.mark.parametrize(
    "held",
    [
        "",
        "read",
        "read:",
        "read:user",
        "read:users2",
        "read:users:all",
        "READ:USERS",
        "Read:users",
        "read:*",
        "*",
        "users",
        "create:users",
        "read:users,create:users",
        "read:roles read: users",
    ],
)
async def test_another_name_than_the_whole_scope_gives_403(
    held: str, app: FastAPI, tenant: Tenant
) -> None:
    answer = await call(app, "/users", token=tenant.token(scope=held))
    check_refusal(answer, InsufficientScope, required=["read:users"])


async def test_array_member_with_white_space_is_one_odd_name(app: FastAPI, tenant: Tenant) -> None:
    answer = await call(app, "/users", token=tenant.token(scope=["read:users create:users"]))
    check_refusal(answer, InsufficientScope, required=["read:users"])


# --- what satisfies a route ----------------------------------------------------------------------


@pytest.mark.parametrize("held", ["create:users", "read:users", "delete:users", ""])
async def test_require_scopes_with_one_missing_gives_403(
    held: str, app: FastAPI, tenant: Tenant
) -> None:
    answer = await call(app, "/users", method="POST", token=tenant.token(scope=held))
    check_refusal(answer, InsufficientScope, required=["create:users", "read:users"])


@pytest.mark.parametrize(
    "held", ["create:users read:users", "read:users create:users", "x create:users y read:users"]
)
async def test_require_scopes_with_all_of_them_gives_200(
    held: str, app: FastAPI, tenant: Tenant
) -> None:
    answer = await call(app, "/users", method="POST", token=tenant.token(scope=held))
    assert answer.status == 200


@pytest.mark.parametrize("held", ["read:users", "read:roles", "read:roles read:users"])
async def test_require_any_scope_with_one_of_them_gives_200(
    held: str, app: FastAPI, tenant: Tenant
) -> None:
    answer = await call(app, "/any", token=tenant.token(scope=held))
    assert (answer.status, answer.json["scopes"]) == (200, sorted(held.split()))


@pytest.mark.parametrize("held", ["", "read", "create:users"])
async def test_require_any_scope_with_none_of_them_gives_403_with_all_names(
    held: str, app: FastAPI, tenant: Tenant
) -> None:
    answer = await call(app, "/any", token=tenant.token(scope=held))
    check_refusal(answer, InsufficientScope, required=["read:users", "read:roles"])


@pytest.mark.parametrize("held", ["", "anything"])
async def test_require_token_takes_any_scopes(held: str, app: FastAPI, tenant: Tenant) -> None:
    answer = await call(app, "/token", token=tenant.token(scope=held))
    assert (answer.status, answer.json["scopes"]) == (200, held.split())


async def test_current_token_asks_for_the_scopes_of_security(app: FastAPI, tenant: Tenant) -> None:
    assert (await call(app, "/me", token=tenant.token("openid"))).status == 200
    answer = await call(app, "/me", token=tenant.token("email"))
    check_refusal(answer, InsufficientScope, required=["openid"])


async def test_current_token_without_scopes_takes_any_token(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()

    @app.get("/me")
    async def me(token: Annotated[AccessToken, Depends(current_token)]) -> str | None:
        return token.principal

    guard.install(app)
    assert (await call(app, "/me", token=tenant.token())).status == 200
    assert (await call(app, "/me")).status == 401


async def test_optional_token_gives_none_without_a_token_on_a_public_path(app: FastAPI) -> None:
    answer = await call(app, "/open")
    assert (answer.status, answer.json) == (200, {"principal": None})


async def test_optional_token_gives_the_token_that_was_presented(
    app: FastAPI, tenant: Tenant
) -> None:
    answer = await call(app, "/open", token=tenant.token(sub="kp_1"))
    assert (answer.status, answer.json) == (200, {"principal": "kp_1"})


async def test_required_scopes_on_a_public_path_without_a_token_give_401(
    make_app: MakeApp,
) -> None:
    answer = await call(make_app(public_paths=("/users",)), "/users")
    assert (answer.status, answer.json["reason"]) == (401, "missing_token")
    assert answer.challenge == 'Bearer realm="api"'


# --- at import -----------------------------------------------------------------------------------

Maker = Callable[..., Any]
MAKERS = pytest.mark.parametrize("make", [require_scopes, require_any_scope])


@MAKERS
def test_no_scope_at_all_raises_value_error(make: Maker) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its words are the product's own
        make()


NO_SCOPES: list[Any] = [
    "",
    " ",
    "read:users create:users",
    "read:users ",
    "\tread:users",
    "read\nusers",
    'read:"users"',
    "read\\users",
    "read:us\u00e9rs",
    "read:\x00users",
    "read:\x7fusers",
    "read:\u200busers",
    ["read:users"],
    ("read:users",),
    {"read:users"},
    [],
    None,
    5,
    True,
    b"read:users",
]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ((), "no scope was given; name at least one"),
        (
            ("a", ["b"]),
            "['b'] was given as a scope; give each scope as a string of its own, such as "
            '"read:users", "create:users"',
        ),
        (("a b",), "'a b' is no name of a scope: white space and quotes are not allowed"),
    ],
)
@MAKERS
def test_what_was_given_and_what_to_write_is_said(
    make: Maker, names: tuple[Any, ...], says: str
) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - all of it is compared
        make(*names)
    assert str(raised.value) == says


def test_error_about_a_permission_says_permission() -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - all of it is compared
        require_permissions()
    assert str(raised.value) == "no permission was given; name at least one"


@MAKERS
@pytest.mark.parametrize("scope", NO_SCOPES, ids=repr)
def test_argument_that_is_no_scope_token_raises_value_error(make: Maker, scope: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        make(scope)


@MAKERS
@pytest.mark.parametrize("scope", NO_SCOPES, ids=repr)
def test_argument_that_is_no_scope_token_among_good_ones_raises_value_error(
    make: Maker, scope: object
) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        make("read:users", scope, "create:users")


@MAKERS
@pytest.mark.parametrize("scope", ["a", "read:users", "!", "~", "#[]", "https://x/y?z=1", "a,b"])
def test_every_scope_token_of_rfc_6749_is_taken(make: Maker, scope: str) -> None:
    assert callable(make(scope))


@pytest.mark.parametrize("scope", ["open id", 'open"id', "open\\id", "open\r\nX: y", "", "\u00e9"])
async def test_scope_of_security_that_is_no_scope_token_lets_nobody_in(
    scope: str, guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()
    try:

        @app.get("/me", dependencies=[Security(current_token, scopes=[scope])])
        async def me() -> None:
            """Never reached."""

        guard.install(app)
    except ValueError:
        return
    try:
        answer = await call(app, "/me", token=tenant.token("openid"))
    except ValueError:
        return
    assert answer.status in {403, 500}
    assert "\n" not in (answer.challenge or "")
