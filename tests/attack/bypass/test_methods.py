"""A method that one reader takes for harmless."""

from __future__ import annotations

from typing import Final

import pytest
from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from kinde_guard import InvalidSignature, MissingToken, require_token
from tests.attack.bypass.target import MakeGuard, Target
from tests.core.exchange import call, check_refusal
from tests.mint import SigningKey, Tenant

pytestmark = pytest.mark.anyio

PREFLIGHT: Final = {"origin": "https://evil.example", "access-control-request-method": "GET"}
OVERRIDES: Final = ["x-http-method-override", "x-http-method", "x-method-override", "_method"]


@pytest.mark.parametrize(
    "method",
    [
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
        "TRACE",
        "CONNECT",
        "get",
        "Get",
        "PROPFIND",
        "PRI",
        "DEBUG",
        "JEFF",
        "",
        "GET\n",
        "OPTIONS ",
        "options",
    ],
)
async def test_every_method_needs_a_token(method: str, target: Target) -> None:
    """HEAD, OPTIONS, TRACE, methods in lower case and methods that nobody knows.

    Seen: GitHub's OAuth flow, 2019 (HEAD took another way than GET and POST); Spring Security and
    Java EE rules that name some methods and leave out the rest.
    """
    for path in ("/users", "/anything"):
        await target.refuses(MissingToken, path, method=method)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://evil.example"},
        {"access-control-request-method": "GET"},
        {"access-control-request-headers": "authorization", "origin": "null"},
        {"Origin ": "x", "access-control-request-method ": "GET"},
    ],
)
async def test_options_that_is_no_preflight_needs_a_token(
    headers: dict[str, str], target: Target
) -> None:
    """An OPTIONS request that browsers would not send before another.

    Seen: fastapi-keycloak-middleware, issue 79 and php-crud-api, pull request 890 (every OPTIONS
    passes); veryfront-code, pull request 4349.
    """
    await target.refuses(MissingToken, method="OPTIONS", headers=headers)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "TRACE", "options", "OPTIONS\n"])
async def test_other_method_with_the_headers_of_a_preflight_needs_a_token(
    method: str, target: Target
) -> None:
    """The headers of a preflight on a request that is none.

    Seen: middlewares that ask for the headers and forget the method.
    """
    for path in ("/users", "/anything"):
        await target.refuses(MissingToken, path, method=method, headers=PREFLIGHT)


@pytest.mark.parametrize("name", OVERRIDES)
@pytest.mark.parametrize("sent", ["OPTIONS", "POST", "HEAD"])
async def test_method_that_a_header_names_is_ignored(name: str, sent: str, target: Target) -> None:
    """A header, a query or a form that names another method.

    Seen: Rails and Symfony (``_method``); gateways that check one method and forward another.
    """
    for claimed in ("OPTIONS", "GET", "HEAD"):
        headers = {name: claimed, **({} if sent == "OPTIONS" else PREFLIGHT)}
        query = f"{name}={claimed}".encode()
        await target.refuses(
            MissingToken, method=sent, headers=headers, query_string=query, body=query
        )


class _Override:
    """A middleware of the kind that lets a header choose the method."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for name, value in scope.get("headers", ()):
            if name == b"x-http-method-override":
                scope["method"] = value.decode()
        await self.app(scope, receive, send)


@pytest.mark.parametrize("order", ["before", "after"])
async def test_installed_guard_sees_the_method_that_the_router_sees(
    order: str, make_guard: MakeGuard
) -> None:
    """A preflight that a middleware turns into a GET, added before or after the guard.

    Seen: method-override middlewares behind the check; ``install`` puts the guard innermost.
    """
    app, reached = FastAPI(), list[str]()

    @app.get("/plain")
    async def plain() -> None:
        reached.append("plain")

    if order == "before":
        app.add_middleware(_Override)
    make_guard().install(app)
    if order == "after":
        app.add_middleware(_Override)
    headers = {**PREFLIGHT, "x-http-method-override": "GET"}
    check_refusal(await call(app, "/plain", method="OPTIONS", headers=headers), MissingToken)
    assert reached == []


async def test_preflight_without_a_token_is_refused(target: Target) -> None:
    """The headers of a preflight, at paths of the application and at others.

    Seen: pomerium, issue 78; istio/proxy, issue 651 (whether to make an exception).
    """
    for path in ("/users", "/anything"):
        await target.refuses(MissingToken, path, method="OPTIONS", headers=PREFLIGHT)
    # A public path: it reaches the router, which has no handler for OPTIONS.
    answer = await call(target.app, "/assets/x", method="OPTIONS", headers=PREFLIGHT)
    assert answer.status == 405
    assert target.reached == []


@pytest.mark.parametrize("public", [[], ["OPTIONS /*"]], ids=["guarded", "public"])
async def test_preflight_reaches_a_handler_for_options_with_a_token_or_on_a_public_path(
    public: list[str], make_guard: MakeGuard, tenant: Tenant
) -> None:
    """Handlers of the application for OPTIONS: a preflight is a request like any other. On a public
    path it needs no token, unless the handler asks for one.

    Seen: veryfront-code, pull request 4349 (anybody can send the headers of a preflight).
    """
    app, reached = FastAPI(), list[str]()

    @app.options("/guarded", dependencies=[Depends(require_token())])
    async def guarded() -> None:
        reached.append("guarded")

    @app.options("/plain")
    async def plain(request: Request) -> PlainTextResponse:
        reached.append(f"plain {request.user.is_authenticated}")
        return PlainTextResponse("")

    make_guard(public_paths=public).install(app)
    check_refusal(await call(app, "/guarded", method="OPTIONS", headers=PREFLIGHT), MissingToken)
    answer = await call(app, "/plain", method="OPTIONS", headers=PREFLIGHT)
    if public:
        assert answer.status == 200
    else:
        check_refusal(answer, MissingToken)
    assert reached == ["plain False"] * len(public)
    for path in ("/guarded", "/plain"):
        good = await call(app, path, method="OPTIONS", headers=PREFLIGHT, token=tenant.token())
        assert good.status == 200
    assert reached[len(public) :] == ["guarded", "plain True"]


async def test_preflight_with_a_bad_token_is_refused(
    target: Target, tenant: Tenant, other_key: SigningKey
) -> None:
    """A preflight that presents a forged token.

    Seen: guards that let everything with the headers of a preflight pass unread.
    """
    forged = tenant.token("read:users", key=other_key.renamed(tenant.key.kid))
    await target.refuses(InvalidSignature, method="OPTIONS", headers=PREFLIGHT, token=forged)
