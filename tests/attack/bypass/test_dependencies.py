"""FastAPI fills what a dependency declares from the request: whatever that is, it is forged."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import FastAPIError

from kinde_guard import (
    AccessToken,
    InsufficientScope,
    MissingToken,
    current_token,
    optional_token,
    require_any_scope,
    require_operation_scope,
    require_org,
    require_permissions,
    require_scopes,
    require_token,
)
from tests.attack.bypass.target import MakeGuard, Target
from tests.core.exchange import call, check_refusal
from tests.mint import Tenant

pytestmark = pytest.mark.anyio

#: Every name that a parameter of the guard's own code has, or that a caller might hope for.
NAMES = ["token", "raw", "claims", "connection", "request", "security_scopes", "scopes", "scope"]
NAMES += ["self", "rule", "guard", "args", "kwargs", "scope_claims", "required", "user", "audience"]
NAMES += ["path_parameter", "allow_global", "permissions", "optional", "verify", "authenticated"]


@pytest.mark.parametrize("place", ["query", "json", "list", "form", "cookie", "header"])
@pytest.mark.parametrize("value", ["null", "true", "GOOD"])
async def test_nothing_in_the_request_fills_a_dependency(
    place: str, value: str, target: Target, tenant: Tenant
) -> None:
    """A query, body, form, cookie or header named like a parameter of the guard.

    Seen: a published FastAPI guard that a JSON body switched off; project-zeno, pull request 268
    (the list of allowed domains came from the query).
    """
    given = tenant.token("read:users") if value == "GOOD" else value
    members = dict.fromkeys(NAMES, given)
    request: dict[str, Any] = {"headers": [("content-type", "application/json")]}
    match place:
        case "query":
            request["query_string"] = urlencode(members).encode()
        case "json":
            pairs = ",".join(f'"{name}":"{text}"' for name, text in members.items())
            request["body"] = f"{{{pairs}}}".encode()
        case "list":
            request["body"] = f'["{given}"]'.encode()
        case "form":
            request["headers"] = [("content-type", "application/x-www-form-urlencoded")]
            request["body"] = urlencode(members).encode()
        case "cookie":
            request["headers"].append(("cookie", "; ".join(f"{n}={given}" for n in NAMES)))
        case _:
            request["headers"] += [(name, given) for name in NAMES]
    await target.refuses(MissingToken, **request)
    await target.refuses(MissingToken, "/anything", method="POST", **request)
    poor = await call(target.app, "/users", token=tenant.token("openid"), **request)
    check_refusal(poor, InsufficientScope, required=["read:users"])
    assert target.reached == []


async def test_guarded_route_takes_nothing_from_the_request(make_guard: MakeGuard) -> None:
    """Every dependency of this package in one route, whose document must gain no parameter.

    Seen: a published FastAPI guard whose dependency had parameters of its own.
    """
    app = FastAPI()
    every: list[Any] = [
        *(require_scopes("a"), require_any_scope("a", "b"), require_token()),
        *(require_permissions("p"), require_org("org"), require_operation_scope()),
        *(current_token, optional_token),
    ]

    @app.post("/orgs/{org}", dependencies=[Depends(one) for one in every])
    async def route(org: str) -> None: ...

    make_guard().install(app)
    operation = app.openapi()["paths"]["/orgs/{org}"]["post"]
    assert [parameter["name"] for parameter in operation["parameters"]] == ["org"]
    assert "requestBody" not in operation


@pytest.mark.parametrize("annotation", [AccessToken, AccessToken | None, list[AccessToken]])
def test_token_without_a_dependency_is_refused_at_import(annotation: Any) -> None:
    """``token: AccessToken`` with the ``Depends`` forgotten.

    Seen: models as tokens: FastAPI reads a parameter of such a type from the body.
    """
    app = FastAPI()

    async def route(token: Any) -> None: ...

    route.__annotations__["token"] = annotation
    with pytest.raises(FastAPIError):
        app.post("/me")(route)


FORGED = b"""{"claims": {"sub": "kp_forged", "scope": "admin"}, "scope_claims": ["scope"],
"raw": "x", "payload": "{}", "scopes": ["admin"], "sub": "kp_forged", "scope": "admin"}"""


@pytest.mark.parametrize("public", [True, False])
@pytest.mark.parametrize("body", [FORGED, b'{"sub": "kp_forged", "scope": "admin"}', b""])
async def test_token_class_as_a_dependency_forges_nothing(
    body: bytes, public: bool, make_guard: MakeGuard, tenant: Tenant
) -> None:
    """``Annotated[AccessToken, Depends()]``: FastAPI's shortcut, which fills a class from the
    request, claims and all.

    Seen: here, before the release; FastAPI, "Classes as dependencies".
    """
    app, reached = FastAPI(), list[str]()

    @app.post("/me")
    async def me(token: Annotated[AccessToken, Depends()]) -> None:
        reached.append(str(token.principal))

    make_guard(public_paths=["/me"] if public else []).install(app)
    raw = None if public else tenant.token("openid")
    headers = {"content-type": "application/json"}
    try:
        answer = await call(
            app, "/me", method="POST", token=raw, body=body, headers=headers, query_string=b"raw=x"
        )
        assert answer.status in {422, 500}
    except TypeError:
        pass
    assert reached == []


@pytest.mark.parametrize("public", [True, False])
@pytest.mark.parametrize(
    "factory",
    [
        *(require_scopes, require_any_scope, require_token),
        *(require_permissions, require_org, require_operation_scope),
    ],
    ids=lambda factory: factory.__name__,
)
@pytest.mark.parametrize("query", [b"", b"scopes=a&permissions=a&path_parameter=a&connection=a"])
async def test_forgotten_parentheses_let_nobody_in(
    factory: Any, query: bytes, public: bool, make_guard: MakeGuard, tenant: Tenant
) -> None:
    """``Depends(require_org)`` without the parentheses: FastAPI calls the maker of the check, and
    the check never runs.

    Seen: here, before the release (``require_org`` and ``require_operation_scope``).
    """
    app, reached = FastAPI(), list[str]()

    @app.get("/orgs/{org_code}", dependencies=[Depends(factory)])
    async def route(org_code: str) -> None:
        reached.append(org_code)

    make_guard(public_paths=["/*"] if public else []).install(app)
    raw = None if public else tenant.token("a", org_code="org_1", permissions=["a"])
    try:
        answer = await call(app, "/orgs/org_1", token=raw, query_string=query)
        assert answer.status in {401, 422, 500}
    except (TypeError, ValueError):
        pass
    assert reached == []


async def test_override_left_in_opens_no_door(target: Target, tenant: Tenant) -> None:
    """``app.dependency_overrides`` left over from a test: it takes away what one dependency asks
    for. Nobody gets in without a good token even so.

    Seen: FastAPI, issue 738 (overrides in production).
    """

    async def anybody(request: Request) -> AccessToken:
        return AccessToken({"sub": "kp_test", "scope": "read:users"})

    target.app.dependency_overrides[require_scopes("read:users")] = anybody
    await target.refuses(MissingToken)
    await target.refuses(MissingToken, "/anything", method="POST")
    await target.lets_in(token=tenant.token("openid"))


@pytest.mark.parametrize("path", ["/whole", "/in-parts"])
async def test_token_that_a_handler_returns_is_not_answered(
    path: str, make_guard: MakeGuard, tenant: Tenant
) -> None:
    """A handler that returns the token, or the user, as it is.

    Seen: models as tokens: FastAPI writes every member into the answer, the token among them.
    """
    app = FastAPI()

    @app.get("/whole")
    async def whole(token: Any = Depends(require_token())) -> Any:  # noqa: B008
        return token

    @app.get("/in-parts")
    async def in_parts(request: Request) -> Any:
        return {"user": request.user, "auth": request.auth}

    make_guard().install(app)
    raw = tenant.token("read:users", sub="kp_marked")
    try:
        told = (await call(app, path, token=raw)).text
    except ValueError as error:
        told = str(error)
    for part in (raw, raw.split(".")[2], "kp_marked"):
        assert part not in told
