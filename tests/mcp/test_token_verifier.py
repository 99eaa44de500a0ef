"""The guard as a token verifier: what the SDKs learn of a credential, good, bad or undecided."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from kinde_guard import AccessToken, KeysUnavailable, KindeGuard
from kinde_guard.mcp import VerificationErrorMiddleware
from kinde_guard.vocabulary.errors import GuardError, TooManyUnknownKeys
from tests.core.exchange import call, check_refusal
from tests.mcp.conftest import RESOURCE, MakeGuard
from tests.mint import AUDIENCE, CLIENT_ID, OMIT, KeyServer, Tenant

pytest.importorskip("mcp", reason="the extra mcp is not installed")

from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend
from mcp.server.auth.provider import TokenVerifier

from kinde_guard.mcp import KindeTokenVerifier
from kinde_guard.mcp.verification_errors import VerificationFailed

pytestmark = pytest.mark.anyio


@pytest.fixture
def verifier(guard: KindeGuard) -> KindeTokenVerifier:
    return KindeTokenVerifier(guard)


async def test_machine_token_is_told_in_the_terms_of_the_sdk(
    verifier: KindeTokenVerifier, tenant: Tenant
) -> None:
    raw = tenant.token("invoices:write", "invoices:read")
    token = await verifier.verify_token(raw)
    assert token is not None
    claims = tenant.claims("invoices:write", "invoices:read")
    assert token.model_dump() == {
        "token": raw,
        "client_id": CLIENT_ID,
        "scopes": ["invoices:read", "invoices:write"],
        "expires_at": claims["exp"],
        "resource": AUDIENCE,
        "subject": None,
        "claims": claims,
    }


async def test_user_token_has_its_subject(verifier: KindeTokenVerifier, tenant: Tenant) -> None:
    token = await verifier.verify_token(tenant.user_token("openid"))
    assert token is not None
    assert (token.subject, token.client_id) == ("kp_0ba7c433e5d648cf992621ce99d42817", CLIENT_ID)


async def test_token_without_a_client_is_named_after_its_subject(
    verifier: KindeTokenVerifier, tenant: Tenant
) -> None:
    token = await verifier.verify_token(tenant.user_token(azp=OMIT))
    assert token is not None
    assert token.client_id == token.subject


@pytest.mark.parametrize(
    ("audience", "given", "resource"),
    [
        ((AUDIENCE, RESOURCE), [AUDIENCE, RESOURCE], RESOURCE),
        ((AUDIENCE, f"{RESOURCE}/"), [AUDIENCE, f"{RESOURCE}/"], f"{RESOURCE}/"),
        ((AUDIENCE,), ["https://other.example", AUDIENCE], AUDIENCE),
        ((AUDIENCE,), [AUDIENCE, RESOURCE], AUDIENCE),
        ((AUDIENCE,), AUDIENCE, AUDIENCE),
        (None, ["https://other.example"], "https://other.example"),
        (None, ["https://other.example", RESOURCE], RESOURCE),
        (None, [], None),
    ],
)
async def test_resource_is_the_audience_that_the_guard_accepted(
    audience: Any, given: Any, resource: str | None, make_guard: MakeGuard, tenant: Tenant
) -> None:
    verifier = KindeTokenVerifier(make_guard(audience=audience))
    token = await verifier.verify_token(tenant.token(aud=given))
    assert token is not None
    assert token.resource == resource


class ApiKeyToken(AccessToken):
    """An API key's token, as a guard with the setting ``api_keys`` makes it."""

    __slots__ = ()
    kind = "api_key"
    key_id = "key_1"


async def test_api_key_is_named_after_its_id_and_for_the_guards_own_audience(
    guard: KindeGuard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def verify(_: object) -> AccessToken:
        return ApiKeyToken({"scopes": ["a"]}, scope_claims=("scopes",))

    monkeypatch.setattr(guard, "verify", verify)
    token = await KindeTokenVerifier(guard).verify_token("api_key")
    assert token is not None
    assert token.model_dump() == {
        "token": "api_key",
        "client_id": "key_1",
        "scopes": ["a"],
        "expires_at": None,
        "resource": RESOURCE,
        "subject": None,
        "claims": {"scopes": ["a"]},
    }


async def test_rejected_credential_is_none(verifier: KindeTokenVerifier, tenant: Tenant) -> None:
    for raw in ("", "x", "a.b.c", tenant.token(exp=1), tenant.token(aud="other"), "\u0142"):
        assert await verifier.verify_token(raw) is None


async def test_outage_is_raised_with_the_error_of_the_guard(
    verifier: KindeTokenVerifier, key_server: KeyServer, tenant: Tenant
) -> None:
    key_server.fail(500)
    with pytest.raises(VerificationFailed) as failure:
        await verifier.verify_token(tenant.token())
    assert isinstance(failure.value.error, KeysUnavailable)
    assert failure.value.__cause__ is None


def test_it_is_the_protocol_of_the_official_sdk(verifier: KindeTokenVerifier) -> None:
    typed: TokenVerifier = verifier
    assert typed is verifier


# --- the middleware around an SDK ----------------------------------------------------------------


def application(verifier: KindeTokenVerifier) -> Starlette:
    """The official SDK's authentication, as its ``streamable_http_app`` puts it together."""

    async def endpoint(request: Request) -> PlainTextResponse:
        return PlainTextResponse(type(request.user).__name__)

    backend = BearerAuthBackend(verifier)
    app = Starlette(
        routes=[Route("/mcp", endpoint)],
        middleware=[Middleware(AuthenticationMiddleware, backend=backend)],
    )
    app.add_middleware(VerificationErrorMiddleware, guard=verifier.guard)
    return app


async def test_outage_is_answered_with_503_and_retry_after(
    verifier: KindeTokenVerifier, key_server: KeyServer, tenant: Tenant
) -> None:
    key_server.fail(500)
    answer = await call(application(verifier), "/mcp", token=tenant.token())
    check_refusal(answer, KeysUnavailable, retry_after=1)


async def test_too_many_unknown_keys_are_answered_with_429(
    guard: KindeGuard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def verify(_: object) -> AccessToken:
        raise TooManyUnknownKeys(retry_after=7)

    monkeypatch.setattr(guard, "verify", verify)
    answer = await call(application(KindeTokenVerifier(guard)), "/mcp", token="unknown")
    assert answer.status == 429
    assert ("retry-after", "7") in answer.headers


async def test_verified_and_rejected_credentials_pass_through_it(
    verifier: KindeTokenVerifier, tenant: Tenant
) -> None:
    app = application(verifier)
    # The SDK compares the expiry with the time of the machine.
    good = tenant.token(exp=4_102_444_800)
    assert (await call(app, "/mcp", token=good)).body == b"AuthenticatedUser"
    assert (await call(app, "/mcp", token="bad")).body == b"UnauthenticatedUser"


async def test_failure_after_the_answer_began_is_raised(guard: KindeGuard) -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise VerificationFailed(GuardError())

    with pytest.raises(VerificationFailed):
        await call(VerificationErrorMiddleware(failing, guard=guard), "/mcp")
