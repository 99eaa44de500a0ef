"""Nothing that came from a token reaches a header, a body, a log line or a traceback."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

import pytest
from fastapi import FastAPI

from kinde_guard import AccessToken, GuardError, KeySet, KindeGuard, verify_signature
from kinde_guard.jose.compact_jws import parse
from tests.core.conftest import MakeApp
from tests.core.exchange import call, connect
from tests.mint import KeyServer, SigningKey, Tenant, b64url, compact, jwks, sealed

pytestmark = pytest.mark.anyio

CANARY = "zQ7canary"
HIDDEN = b64url(CANARY.encode())[:-1]

Spell = Callable[[Tenant, SigningKey], str]

#: Tokens of every way of being wrong, each with the canary in the place that is wrong.
SPELLS: dict[str, Spell] = {
    "text": lambda tenant, other: CANARY,
    "four-segments": lambda tenant, other: f"{CANARY}.{CANARY}.{CANARY}.{CANARY}",
    "header-no-json": lambda tenant, other: compact(CANARY, "{}", tenant.key),
    "header-no-utf8": lambda tenant, other: compact(CANARY.encode() + b"\xff", "{}", tenant.key),
    "header-duplicate": lambda tenant, other: compact(
        f'{{"{CANARY}":1,"{CANARY}":2}}', "{}", tenant.key
    ),
    "header-number": lambda tenant, other: compact(f'{{"{CANARY}":NaN}}', "{}", tenant.key),
    "crit": lambda tenant, other: tenant.token(header={"crit": [CANARY]}),
    "typ": lambda tenant, other: tenant.token(header={"typ": CANARY}),
    "alg": lambda tenant, other: tenant.token(header={"alg": CANARY}),
    "alg-no-text": lambda tenant, other: tenant.token(header={"alg": [CANARY]}),
    "kid": lambda tenant, other: tenant.token(key=other.renamed(CANARY)),
    "kid-no-text": lambda tenant, other: tenant.token(header={"kid": [CANARY]}),
    "signature": lambda tenant, other: tenant.token(key=other.renamed(tenant.key.kid), note=CANARY),
    "payload-no-json": lambda tenant, other: compact(tenant.header(), CANARY, tenant.key),
    "payload-no-utf8": lambda tenant, other: compact(
        tenant.header(), CANARY.encode() + b"\xff", tenant.key
    ),
    "payload-no-base64": lambda tenant, other: sealed(b64url(b"{}"), f"{CANARY}+", tenant.key),
    "exp": lambda tenant, other: tenant.token(exp=CANARY),
    "expired": lambda tenant, other: tenant.token(exp=1, sub=CANARY),
    "nbf": lambda tenant, other: tenant.token(nbf=[CANARY]),
    "immature": lambda tenant, other: tenant.token(nbf=10**10, sub=CANARY),
    "iss": lambda tenant, other: tenant.token(iss=f"https://{CANARY}.example"),
    "iss-no-text": lambda tenant, other: tenant.token(iss=[CANARY]),
    "aud": lambda tenant, other: tenant.token(aud=[CANARY]),
    "aud-no-text": lambda tenant, other: tenant.token(aud={CANARY: 1}),
    "sub-no-text": lambda tenant, other: tenant.token(sub=[CANARY]),
    "scope": lambda tenant, other: tenant.token(CANARY),
    "scope-no-text": lambda tenant, other: tenant.token(scope={CANARY: 1}),
    "too-large": lambda tenant, other: tenant.token(note=CANARY * 3000),
}
EVERY_SPELL = pytest.mark.parametrize("spell", SPELLS.values(), ids=SPELLS)


def _check_silent(raw: str, *texts: str) -> None:
    for text in texts:
        assert CANARY not in text
        assert HIDDEN not in text
        assert raw not in text


@EVERY_SPELL
@pytest.mark.parametrize("path", ["/users", "/open", "/nothing"])
async def test_refused_token_is_in_no_answer_and_no_log_line(
    spell: Spell,
    path: str,
    app: FastAPI,
    tenant: Tenant,
    other_key: SigningKey,
    caplog: pytest.LogCaptureFixture,
) -> None:
    raw = spell(tenant, other_key)
    with caplog.at_level(logging.DEBUG):
        answer = await call(app, path, token=raw)
    _check_silent(raw, answer.text, caplog.text)


@EVERY_SPELL
async def test_refused_token_is_in_no_denial_and_no_close_reason(
    spell: Spell,
    app: FastAPI,
    tenant: Tenant,
    other_key: SigningKey,
    caplog: pytest.LogCaptureFixture,
) -> None:
    raw = spell(tenant, other_key)
    with caplog.at_level(logging.DEBUG):
        denied = await connect(app, token=raw)
        offered = await connect(app, subprotocols=["bearer", raw])
        closed = await connect(app, token=raw, denial=False)
    for talk in (denied, offered):
        assert talk.denial is not None
        _check_silent(raw, talk.denial.text)
    _check_silent(raw, repr(closed), caplog.text)


@EVERY_SPELL
async def test_refused_token_is_not_in_the_error_nor_in_its_traceback(
    spell: Spell, guard: KindeGuard, tenant: Tenant, other_key: SigningKey
) -> None:
    raw = spell(tenant, other_key)
    error = await refusal(guard, raw)
    if error is not None:
        told = "".join(traceback.format_exception(error))
        _check_silent(raw, told, repr(error), str(error), repr(error.args), repr(vars(error)))
        assert error.__cause__ is None
        assert error.__context__ is None or error.__suppress_context__


async def refusal(guard: KindeGuard, raw: str) -> GuardError | None:
    """Return why the guard refuses; scopes are not its business, so some tokens pass."""
    try:
        await guard.verify(raw)
    except GuardError as error:
        return error
    return None


async def test_accepted_token_is_in_no_log_line(
    app: FastAPI, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    raw = tenant.token("read:users", sub=CANARY)
    with caplog.at_level(logging.DEBUG):
        assert (await call(app, "/users", token=raw)).status == 200
    _check_silent(raw, caplog.text)


async def test_token_is_in_no_log_line_of_an_outage(
    app: FastAPI, tenant: Tenant, key_server: KeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    key_server.fail(500)
    raw = tenant.token("read:users", sub=CANARY)
    with caplog.at_level(logging.DEBUG):
        answer = await call(app, "/users", token=raw)
    assert answer.status == 503
    _check_silent(raw, answer.text, caplog.text)


async def test_key_server_gets_no_token_and_no_claim(
    guard: KindeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    raw = tenant.token(sub=CANARY)
    await guard.verify(raw)
    (request,) = key_server.requests
    assert "authorization" not in request.headers
    _check_silent(raw, str(request.url), repr(request.headers.raw))
    assert request.content == b""


async def test_representations_hold_no_token(
    guard: KindeGuard, tenant: Tenant, key: SigningKey
) -> None:
    raw = tenant.token(CANARY)
    token = await guard.verify(raw)
    signed = verify_signature(raw, KeySet.from_jwks(jwks(key)), ("RS256",))
    _check_silent(raw, repr(guard), repr(guard.stats), repr(guard.settings))
    for text in (repr(token), repr(signed)):
        assert raw not in text
        assert raw.split(".")[2] not in text


async def test_representations_of_what_is_known_of_a_token_tell_sizes_alone(
    guard: KindeGuard, tenant: Tenant
) -> None:
    raw = tenant.token(CANARY, sub=CANARY, org_code=CANARY)
    await guard.verify(raw)
    parsed = parse(raw.encode(), {})
    (kept,) = guard.verifier._cache._entries.values()
    assert repr(parsed) == f"<CompactJws of {raw.rindex('.')} bytes>"
    assert repr(kept) == "<VerifiedToken with 1 scopes>"


@pytest.mark.parametrize("raw", [CANARY, "a.b.c"])
def test_token_made_by_hand_hides_its_raw_text(raw: str) -> None:
    token = AccessToken({"sub": "kp_1"}, raw=raw)
    assert token.raw == raw
    assert raw not in repr(token)
    assert raw not in str(token)


async def test_offered_token_is_not_answered_as_the_subprotocol(
    app: FastAPI, tenant: Tenant
) -> None:
    raw = tenant.token("read:users")
    for offered in (["bearer", raw], ["bearer", raw, "chat"], ["chat", "bearer", raw]):
        talk = await connect(app, subprotocols=offered)
        assert talk.subprotocol != raw


async def test_key_set_url_with_a_secret_in_a_proxy_is_not_needed_in_an_error_message(
    make_app: MakeApp, tenant: Tenant, key_server: KeyServer
) -> None:
    key_server.fail(RuntimeError(CANARY))
    answer = await call(make_app(), "/users", token=tenant.token("read:users"))
    assert answer.status == 503
    assert CANARY not in answer.text
