"""Contract section 5 over HTTP: every row of the table, with whole headers and whole bodies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from fastapi import FastAPI, HTTPException
from fastapi.middleware.cors import CORSMiddleware
from starlette.middleware import Middleware

import kinde_guard
from kinde_guard import (
    AccessDenied,
    ApiKeysUnavailable,
    ExpiredToken,
    FeatureUnavailable,
    GuardError,
    ImmatureToken,
    InsufficientRole,
    InsufficientScope,
    InvalidApiKey,
    InvalidClaim,
    InvalidRequest,
    InvalidSignature,
    InvalidToken,
    KeysUnavailable,
    KindeGuard,
    KindeGuardMiddleware,
    MalformedToken,
    MissingToken,
    RevocationsUnavailable,
    RevokedToken,
    TemporarilyUnavailable,
    UnknownKey,
    UnsupportedAlgorithm,
    WrongAudience,
    WrongIssuer,
)
from tests.core.conftest import MakeApp, MakeGuard, add_routes
from tests.core.exchange import bearer, call, challenge_of, check_refusal, settle
from tests.mint import NOW, OMIT, FrozenClock, KeyServer, SigningKey, Tenant, compact

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Minting:
    tenant: Tenant
    stranger: SigningKey


def _bearer(token: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {token}")]


@dataclass(frozen=True)
class Row:
    condition: str
    error: type[GuardError]
    headers: Callable[[Minting], list[tuple[str, str]]] = field(repr=False)


ROWS = [
    Row("no-authorization-header", MissingToken, lambda m: []),
    Row(
        "another-scheme-than-bearer",
        MissingToken,
        lambda m: [("authorization", "Basic dXNlcjpwYXNz")],
    ),
    Row(
        "two-authorization-headers",
        InvalidRequest,
        lambda m: _bearer(m.tenant.token("read:users")) * 2,
    ),
    Row("bearer-without-a-token", MalformedToken, lambda m: [("authorization", "Bearer")]),
    Row("bytes-outside-b64token", MalformedToken, lambda m: _bearer("a,b")),
    Row("not-a-compact-jws", MalformedToken, lambda m: _bearer("abc.def")),
    Row(
        "payload-that-is-no-json-object",
        MalformedToken,
        lambda m: _bearer(compact(m.tenant.header(), "[]", m.tenant.key)),
    ),
    Row(
        "duplicate-member",
        MalformedToken,
        lambda m: _bearer(compact(m.tenant.header(), '{"exp":1,"exp":2}', m.tenant.key)),
    ),
    Row(
        "nan-in-the-payload",
        MalformedToken,
        lambda m: _bearer(compact(m.tenant.header(), '{"exp":NaN}', m.tenant.key)),
    ),
    Row(
        "nested-absurdly-deep",
        MalformedToken,
        lambda m: _bearer(
            compact(m.tenant.header(), '{"a":' + "[" * 900 + "]" * 900 + "}", m.tenant.key)
        ),
    ),
    Row(
        "crit-in-the-header",
        MalformedToken,
        lambda m: _bearer(m.tenant.token("read:users", header={"crit": ["exp"]})),
    ),
    Row(
        "foreign-typ",
        MalformedToken,
        lambda m: _bearer(m.tenant.token("read:users", header={"typ": "logout+jwt"})),
    ),
    Row("too-large", MalformedToken, lambda m: _bearer(m.tenant.token(pad="x" * 20_000))),
    Row(
        "alg-not-allowed",
        UnsupportedAlgorithm,
        lambda m: _bearer(m.tenant.token("read:users", header={"alg": "RS512"})),
    ),
    Row(
        "no-such-key-in-a-fresh-set",
        UnknownKey,
        lambda m: _bearer(m.tenant.token("read:users", key=m.stranger)),
    ),
    Row(
        "signature-wrong",
        InvalidSignature,
        lambda m: _bearer(m.tenant.token("read:users", key=m.stranger.renamed(m.tenant.key.kid))),
    ),
    Row("expired", ExpiredToken, lambda m: _bearer(m.tenant.token("read:users", exp=NOW - 5))),
    Row(
        "not-before-in-the-future",
        ImmatureToken,
        lambda m: _bearer(m.tenant.token("read:users", nbf=NOW + 6)),
    ),
    Row(
        "issued-in-the-future",
        ImmatureToken,
        lambda m: _bearer(m.tenant.token("read:users", iat=NOW + 6)),
    ),
    Row(
        "another-issuer",
        WrongIssuer,
        lambda m: _bearer(m.tenant.token("read:users", iss="https://evil.example")),
    ),
    Row(
        "another-audience",
        WrongAudience,
        lambda m: _bearer(m.tenant.token("read:users", aud=["https://other.example"])),
    ),
    Row("exp-missing", InvalidClaim, lambda m: _bearer(m.tenant.token("read:users", exp=OMIT))),
    Row("iss-missing", InvalidClaim, lambda m: _bearer(m.tenant.token("read:users", iss=OMIT))),
    Row("aud-missing", InvalidClaim, lambda m: _bearer(m.tenant.token("read:users", aud=OMIT))),
    Row(
        "exp-of-the-wrong-type",
        InvalidClaim,
        lambda m: _bearer(m.tenant.token("read:users", exp="tomorrow")),
    ),
]
BY_CONDITION = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.condition)


@pytest.fixture
def minting(tenant: Tenant, other_key: SigningKey) -> Minting:
    return Minting(tenant, other_key)


@BY_CONDITION
async def test_row_on_a_guarded_route_gives_its_answer(
    row: Row, app: FastAPI, minting: Minting
) -> None:
    check_refusal(await call(app, "/users", headers=row.headers(minting)), row.error)


@BY_CONDITION
async def test_row_on_a_route_without_dependencies_gives_the_same_answer(
    row: Row, app: FastAPI, minting: Minting
) -> None:
    check_refusal(await call(app, "/plain", headers=row.headers(minting)), row.error)


@pytest.mark.parametrize("path", ["/open", "/assets/logo.svg"])
@BY_CONDITION
async def test_row_on_a_public_path_is_refused_unless_no_token_was_presented(
    row: Row, path: str, app: FastAPI, minting: Minting
) -> None:
    app.add_api_route("/assets/{name}", lambda name: name)
    answer = await call(app, path, headers=row.headers(minting))

    if row.error is MissingToken:
        assert answer.status == 200
    else:
        check_refusal(answer, row.error)


@BY_CONDITION
async def test_row_under_the_middleware_placed_by_hand_gives_the_same_answer(
    row: Row, guard: KindeGuard, minting: Minting
) -> None:
    app = add_routes(FastAPI())
    app.add_middleware(KindeGuardMiddleware, guard=guard)
    check_refusal(await call(app, "/users", headers=row.headers(minting)), row.error)


@BY_CONDITION
async def test_row_counts_under_its_reason_and_no_other(
    row: Row, make_guard: MakeGuard, make_app: MakeApp, minting: Minting
) -> None:
    guard = make_guard()
    await call(make_app(guard), "/users", headers=row.headers(minting))

    counted = {reason: count for reason, count in guard.stats.rejected.items() if count}
    assert counted == {row.error.reason: 1}
    assert guard.stats.verified == 0


@BY_CONDITION
async def test_row_never_reaches_the_handler(row: Row, guard: KindeGuard, minting: Minting) -> None:
    app = FastAPI()
    reached: list[str] = []

    @app.get("/users")
    async def handler() -> None:
        reached.append("handler")

    guard.install(app)
    await call(app, "/users", headers=row.headers(minting))
    assert reached == []


async def test_missing_token_answer_is_exactly_this(app: FastAPI) -> None:
    answer = await call(app, "/users")

    assert answer.status == 401
    assert answer.challenge == 'Bearer realm="api"'
    assert answer.json["error"] is None
    assert answer.json["reason"] == "missing_token"
    assert answer.json["title"] == "Unauthorized"


async def test_good_token_with_the_scope_reaches_the_handler(app: FastAPI, tenant: Tenant) -> None:
    answer = await call(app, "/users", token=tenant.token("read:users"))
    assert (answer.status, answer.json) == (200, {"route": "users"})


async def test_scopes_lacking_gives_403_with_all_that_the_route_needs(
    app: FastAPI, tenant: Tenant
) -> None:
    answer = await call(app, "/users", method="POST", token=tenant.token("read:users"))

    check_refusal(answer, InsufficientScope, required=["create:users", "read:users"])
    assert answer.challenge == (
        'Bearer realm="api", error="insufficient_scope", '
        f'error_description="{InsufficientScope.description}", scope="create:users read:users"'
    )


async def test_scopes_lacking_counts_as_insufficient_scope(
    make_guard: MakeGuard, make_app: MakeApp, tenant: Tenant
) -> None:
    guard = make_guard()
    await call(make_app(guard), "/users", token=tenant.token())

    counted = {reason: count for reason, count in guard.stats.rejected.items() if count}
    assert counted == {"insufficient_scope": 1}


async def test_expired_token_that_also_lacks_scopes_gives_401(app: FastAPI, tenant: Tenant) -> None:
    answer = await call(app, "/users", token=tenant.token(exp=NOW - 5))
    check_refusal(answer, ExpiredToken)


async def test_forged_token_that_is_also_expired_gives_the_signature_as_reason(
    app: FastAPI, tenant: Tenant, other_key: SigningKey
) -> None:
    forger = other_key.renamed(tenant.key.kid)
    answer = await call(app, "/users", token=tenant.token(key=forger, exp=NOW - 5))
    check_refusal(answer, InvalidSignature)


async def test_unknown_key_with_wrong_claims_gives_the_key_as_reason(
    app: FastAPI, tenant: Tenant, other_key: SigningKey
) -> None:
    answer = await call(app, "/users", token=tenant.token(key=other_key, exp=NOW - 5, aud="x"))
    check_refusal(answer, UnknownKey)


async def test_malformed_token_costs_no_fetch(app: FastAPI, key_server: KeyServer) -> None:
    await call(app, "/users", token="abc.def")
    assert key_server.fetches == 0


async def test_keys_that_cannot_be_had_give_503_with_retry_after_and_no_challenge(
    app: FastAPI, tenant: Tenant, key_server: KeyServer
) -> None:
    key_server.fail(500)
    answer = await call(app, "/users", token=tenant.token("read:users"))

    check_refusal(answer, KeysUnavailable, retry_after=1)
    assert answer.json["error"] == "temporarily_unavailable"


async def test_keys_that_cannot_be_had_count_as_keys_unavailable(
    make_guard: MakeGuard, make_app: MakeApp, tenant: Tenant, key_server: KeyServer
) -> None:
    key_server.fail(500)
    guard = make_guard()
    await call(make_app(guard), "/users", token=tenant.token("read:users"))

    counted = {reason: count for reason, count in guard.stats.rejected.items() if count}
    assert counted == {"keys_unavailable": 1}


async def test_no_token_while_keys_are_unavailable_is_still_401(
    app: FastAPI, key_server: KeyServer
) -> None:
    key_server.fail(500)
    check_refusal(await call(app, "/users"), MissingToken)
    assert key_server.fetches == 0


async def test_retry_after_is_the_whole_seconds_until_the_next_try(
    app: FastAPI, tenant: Tenant, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    key_server.fail(500)
    token = tenant.token("read:users")
    for _ in range(4):
        await call(app, "/users", token=token)
        monotonic.advance(60)

    await call(app, "/users", token=token)
    answer = await call(app, "/users", token=token)
    # The fifth failure in a row: 16 s, less at most a fifth of jitter, rounded up.
    assert 13 <= int(answer.header("retry-after") or 0) <= 16


async def test_unknown_path_without_a_token_gives_401_not_404(app: FastAPI) -> None:
    check_refusal(await call(app, "/nothing-here"), MissingToken)


async def test_unknown_path_with_a_token_gives_404(app: FastAPI, tenant: Tenant) -> None:
    assert (await call(app, "/nothing-here", token=tenant.token())).status == 404


async def test_wrong_method_without_a_token_gives_401_not_405(app: FastAPI) -> None:
    check_refusal(await call(app, "/users", method="DELETE"), MissingToken)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PURGE"])
async def test_other_methods_need_a_token_too(method: str, app: FastAPI) -> None:
    answer = await call(app, "/users", method=method)
    assert (answer.status, answer.challenge) == (401, 'Bearer realm="api"')


async def test_realm_setting_stands_in_every_challenge(make_app: MakeApp, tenant: Tenant) -> None:
    app = make_app(realm="Users API, v2")

    check_refusal(await call(app, "/users"), MissingToken, realm="Users API, v2")
    check_refusal(
        await call(app, "/users", token=tenant.token()),
        InsufficientScope,
        realm="Users API, v2",
        required=["read:users"],
    )


async def test_request_body_of_json_does_not_switch_authentication_off(app: FastAPI) -> None:
    headers = {"content-type": "application/json"}
    body = b'{"scopes": ["create:users", "read:users"], "token": {"claims": {}}}'
    answer = await call(app, "/users", method="POST", headers=headers, body=body)
    check_refusal(answer, MissingToken)


async def test_request_body_of_json_grants_no_scopes(app: FastAPI, tenant: Tenant) -> None:
    headers = {"content-type": "application/json", **bearer(tenant.token("read:users"))}
    body = b'{"scopes": ["create:users"], "security_scopes": {"scopes": []}}'
    answer = await call(app, "/users", method="POST", headers=headers, body=body)
    check_refusal(answer, InsufficientScope, required=["create:users", "read:users"])


async def test_request_body_still_reaches_the_handler_as_it_was(
    app: FastAPI, tenant: Tenant
) -> None:
    answer = await call(
        app,
        "/users",
        method="POST",
        headers={"content-type": "application/json"},
        token=tenant.token("read:users", "create:users"),
        body=b'{"first": "Ada"}',
    )
    assert (answer.status, answer.json["name"]) == (200, {"first": "Ada"})


@pytest.mark.parametrize("query", [b"access_token=%s", b"token=%s", b"scopes=read:users&x=%s"])
async def test_token_in_the_query_is_no_token(query: bytes, app: FastAPI, tenant: Tenant) -> None:
    sent = query % tenant.token("read:users").encode()
    check_refusal(await call(app, "/users", query_string=sent), MissingToken)


@pytest.mark.parametrize("name", ["cookie", "x-access-token", "proxy-authorization"])
async def test_token_in_another_header_is_no_token(name: str, app: FastAPI, tenant: Tenant) -> None:
    headers = {name: f"Bearer {tenant.token('read:users')}"}
    check_refusal(await call(app, "/users", headers=headers), MissingToken)


PREFLIGHT = {"origin": "https://spa.example", "access-control-request-method": "GET"}


async def test_preflight_that_reaches_the_guard_needs_a_token(guard: KindeGuard) -> None:
    app = FastAPI()
    app.add_api_route("/users", lambda: "options", methods=["OPTIONS"])
    guard.install(app)

    check_refusal(await call(app, "/users", method="OPTIONS", headers=PREFLIGHT), MissingToken)


async def test_preflight_passes_where_options_is_a_public_path(make_guard: MakeGuard) -> None:
    app = FastAPI()
    app.add_api_route("/users", lambda: "options", methods=["OPTIONS"])
    make_guard(public_paths=["OPTIONS /*"]).install(app)

    assert (await call(app, "/users", method="OPTIONS", headers=PREFLIGHT)).status == 200


async def test_preflight_with_a_bad_token_is_refused(app: FastAPI) -> None:
    headers = {**PREFLIGHT, "authorization": "Bearer nonsense"}
    check_refusal(await call(app, "/users", method="OPTIONS", headers=headers), MalformedToken)


@pytest.mark.parametrize("missing", sorted(PREFLIGHT))
async def test_options_that_is_no_preflight_needs_a_token(missing: str, app: FastAPI) -> None:
    headers = {name: value for name, value in PREFLIGHT.items() if name != missing}
    check_refusal(await call(app, "/plain", method="OPTIONS", headers=headers), MissingToken)


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "options"])
async def test_preflight_headers_on_another_method_need_a_token(
    method: str, guard: KindeGuard
) -> None:
    app = FastAPI()
    app.add_api_route("/plain", lambda: "reached", methods=["GET", "POST"])
    guard.install(app)
    check_refusal(await call(app, "/plain", method=method, headers=PREFLIGHT), MissingToken)


def _cors_before(guard: KindeGuard) -> FastAPI:
    app = add_routes(FastAPI())
    app.add_middleware(CORSMiddleware, allow_origins=["https://spa.example"])
    guard.install(app)
    return app


def _cors_after(guard: KindeGuard) -> FastAPI:
    app = add_routes(FastAPI())
    guard.install(app)
    app.add_middleware(CORSMiddleware, allow_origins=["https://spa.example"])
    return app


def _cors_at_construction(guard: KindeGuard) -> FastAPI:
    cors = Middleware(CORSMiddleware, allow_origins=["https://spa.example"])
    app = add_routes(FastAPI(middleware=[cors]))
    guard.install(app)
    return app


WITH_CORS = pytest.mark.parametrize("build", [_cors_before, _cors_after, _cors_at_construction])


@WITH_CORS
async def test_cors_headers_stand_on_a_401(
    build: Callable[[KindeGuard], FastAPI], guard: KindeGuard
) -> None:
    answer = await call(build(guard), "/users", headers={"origin": "https://spa.example"})

    assert answer.status == 401
    assert answer.challenge == challenge_of(MissingToken)
    assert answer.header("access-control-allow-origin") == "https://spa.example"
    assert answer.header("vary") == "Origin"


@WITH_CORS
async def test_cors_headers_stand_on_a_403(
    build: Callable[[KindeGuard], FastAPI], guard: KindeGuard, tenant: Tenant
) -> None:
    headers = {"origin": "https://spa.example", **bearer(tenant.token())}
    answer = await call(build(guard), "/users", headers=headers)

    assert answer.status == 403
    assert answer.challenge == challenge_of(InsufficientScope, scope="read:users")
    assert answer.header("access-control-allow-origin") == "https://spa.example"


@WITH_CORS
async def test_cors_preflight_is_answered_by_the_cors_middleware(
    build: Callable[[KindeGuard], FastAPI], guard: KindeGuard
) -> None:
    answer = await call(build(guard), "/users", method="OPTIONS", headers=PREFLIGHT)

    assert (answer.status, answer.body) == (200, b"OK")
    assert answer.header("access-control-allow-origin") == "https://spa.example"


@pytest.mark.parametrize("handled", [Exception, HTTPException])
async def test_general_handlers_of_the_app_do_not_change_a_refusal(
    handled: type[Exception] | int, guard: KindeGuard, tenant: Tenant
) -> None:
    app = add_routes(FastAPI())

    @app.exception_handler(handled)
    async def swallow(request: object, error: Exception) -> None:
        raise AssertionError("asked although the guard answers")

    guard.install(app)
    check_refusal(await call(app, "/users"), MissingToken)
    refused = await call(app, "/users", token=tenant.token())
    check_refusal(refused, InsufficientScope, required=["read:users"])


async def test_guard_error_raised_by_a_handler_is_answered_as_one(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()

    @app.get("/rows/{row}")
    async def read_row(row: int) -> None:
        raise InsufficientScope(("read:rows",))

    guard.install(app)
    answer = await call(app, "/rows/7", token=tenant.token())
    check_refusal(answer, InsufficientScope, required=["read:rows"])


async def test_background_work_of_the_guard_leaves_no_task_behind(
    make_guard: MakeGuard, make_app: MakeApp, tenant: Tenant
) -> None:
    guard = make_guard()
    before = asyncio.all_tasks()
    await call(make_app(guard), "/users", token=tenant.token("read:users"))
    await guard.aclose()
    await settle()
    assert asyncio.all_tasks() == before


TREE: dict[type[GuardError], tuple[type[Exception], str | None, int]] = {
    MissingToken: (GuardError, "missing_token", 401),
    InvalidRequest: (GuardError, "invalid_request", 400),
    MalformedToken: (InvalidToken, "malformed_token", 401),
    UnsupportedAlgorithm: (InvalidToken, "unsupported_algorithm", 401),
    UnknownKey: (InvalidToken, "unknown_key", 401),
    InvalidSignature: (InvalidToken, "invalid_signature", 401),
    ExpiredToken: (InvalidToken, "expired_token", 401),
    ImmatureToken: (InvalidToken, "immature_token", 401),
    WrongIssuer: (InvalidToken, "wrong_issuer", 401),
    WrongAudience: (InvalidToken, "wrong_audience", 401),
    InvalidClaim: (InvalidToken, "invalid_claim", 401),
    InsufficientScope: (AccessDenied, "insufficient_scope", 403),
    RevokedToken: (InvalidToken, "revoked_token", 401),
    InvalidApiKey: (InvalidToken, "invalid_api_key", 401),
    InsufficientRole: (AccessDenied, "insufficient_role", 403),
    FeatureUnavailable: (AccessDenied, "feature_unavailable", 403),
    KeysUnavailable: (TemporarilyUnavailable, "keys_unavailable", 503),
    ApiKeysUnavailable: (TemporarilyUnavailable, "api_keys_unavailable", 503),
    RevocationsUnavailable: (TemporarilyUnavailable, "revocations_unavailable", 503),
    InvalidToken: (GuardError, None, 401),
    AccessDenied: (GuardError, None, 403),
}


@pytest.mark.parametrize(("error", "facts"), TREE.items(), ids=str)
def test_error_class_has_its_parent_reason_and_status(
    error: type[GuardError], facts: tuple[type[Exception], str | None, int]
) -> None:
    parent, reason, status = facts
    assert error.__bases__ == (parent,)
    assert error.status == status
    if reason is not None:
        assert error.reason == reason


@pytest.mark.parametrize("error", TREE, ids=lambda error: error.__name__)
def test_description_is_a_sentence_that_fits_a_quoted_string(error: type[GuardError]) -> None:
    sentence = error.description
    assert sentence.isascii()
    assert sentence.isprintable()
    assert not set('"\\') & set(sentence)
    assert sentence.endswith(".")


def test_reasons_are_unique_to_their_classes() -> None:
    reasons = [error.reason for error in TREE]
    assert len(set(reasons)) == len(reasons)


@pytest.mark.parametrize("error", TREE, ids=lambda error: error.__name__)
def test_error_class_is_exported(error: type[GuardError]) -> None:
    assert getattr(kinde_guard, error.__name__) is error
    assert error.__name__ in dir(kinde_guard)
