"""What the objects of this package show of themselves, and what a guard keeps of a token."""

from __future__ import annotations

import copy
import gc
import json
import pickle
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

import kinde_guard
from kinde_guard import (
    AccessToken,
    ApiKeys,
    ConfigurationError,
    GuardError,
    KeySet,
    KeysUnavailable,
    KindeGuard,
    KindeGuardMiddleware,
    MemoryRevocations,
    PublicKey,
    RedisRevocations,
    RemoteKeySet,
    verify_signature,
)
from kinde_guard.client import ClientCredentials
from tests.attack.secrecy.conftest import Logs, MakeGuard
from tests.attack.secrecy.loaded import Load
from tests.attack.secrecy.marks import Marks, everything_of
from tests.core.exchange import call
from tests.mint import DOMAIN, JWKS_URL, KeyServer, SigningKey, Tenant, jwks

pytestmark = pytest.mark.anyio


@pytest.fixture
def load(marks: Marks, tenant: Tenant, other_key: SigningKey) -> Load:
    return Load(marks, tenant, other_key)


def shown(value: object) -> list[str]:
    """Return every text that an object gives away without being asked for its members."""
    texts = [repr(value), str(value), f"{value}", f"{value!r:>10}", ascii(value)]
    return [*texts, repr([value]), repr({"key": value})]


async def test_token_shows_neither_its_text_nor_its_claims(load: Load, guard: KindeGuard) -> None:
    raw = load.token()
    token = await guard.verify(raw)
    assert token.raw == raw
    load.marks.check(*shown(token))
    for step in (pickle.dumps, lambda one: pickle.dumps({"user": one}), json.dumps, vars):
        with pytest.raises(TypeError) as caught:
            step(token)
        load.marks.check(everything_of(caught.value))
    assert copy.copy(token) is copy.deepcopy(token) is token
    for name in ("subject", "raw", "claims", "nothing"):
        with pytest.raises(AttributeError) as refused:
            setattr(token, name, "x")
        load.marks.check(everything_of(refused.value))


@pytest.fixture
def guard(make_guard: MakeGuard) -> KindeGuard:
    return make_guard()


async def test_other_objects_show_no_token(load: Load, guard: KindeGuard, key: SigningKey) -> None:
    raw = load.token()
    await guard.verify(raw)
    keys = KeySet.from_jwks(jwks(key))
    app = FastAPI()
    guard.install(app)
    secret = load.marks("client_secret")
    credentials = ClientCredentials(DOMAIN, client_id="c", client_secret=secret, audience="api")
    revocations = RedisRevocations(f"redis://user:{load.marks('redis')}@localhost")
    objects: list[object] = [
        *(ApiKeys(credentials=credentials), MemoryRevocations(), revocations),
        *(guard, guard.settings, guard.stats, keys, *keys, RemoteKeySet(JWKS_URL)),
        *(verify_signature(raw, keys, ("RS256",)), KindeGuardMiddleware(app, guard=guard)),
        *(app.user_middleware, app.exception_handlers, vars(guard)),
    ]
    for one in objects:
        load.marks.check(*shown(one))


def _classes(of: type[GuardError]) -> Iterator[type[GuardError]]:
    yield of
    for one in of.__subclasses__():
        yield from _classes(one)


@pytest.mark.parametrize(
    "error", dict.fromkeys(_classes(GuardError)), ids=lambda error: error.__name__
)
def test_error_has_no_room_for_a_token(error: type[GuardError]) -> None:
    """No refusal can be made with a text; those that take something take the application's own
    names, or seconds."""
    takes = error.__init__.__code__.co_varnames[1 : error.__init__.__code__.co_argcount]
    assert set(takes) <= {"required", "retry_after"}


async def _refusals(load: Load, guard: KindeGuard) -> list[GuardError]:
    found = []
    for text in (load.token(exp=1), load.marks("text"), load.token(aud=load.marks("aud"))):
        with pytest.raises(GuardError) as caught:
            await guard.verify(text)
        found.append(caught.value)
    return found


async def test_error_keeps_nothing_when_it_is_pickled_or_copied(
    load: Load, guard: KindeGuard
) -> None:
    for error in await _refusals(load, guard):
        for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
            assert twin.reason == error.reason
            load.marks.check(everything_of(twin))
        load.marks.check(repr(pickle.dumps(error)), repr(error.__reduce__()))


#: What leads out of a guard into the whole interpreter, or to this test's own server.
_ELSEWHERE = (ModuleType, type, FunctionType, BuiltinFunctionType, MethodType, httpx.AsyncClient)


def _reached(start: object) -> Iterator[object]:
    seen, waiting = {id(start)}, [start]
    while waiting:
        one = waiting.pop()
        yield one
        for other in gc.get_referents(one):
            if id(other) not in seen and not isinstance(other, _ELSEWHERE):
                seen.add(id(other))
                waiting.append(other)


async def test_guard_keeps_no_token_that_it_has_seen(
    load: Load, guard: KindeGuard, make_guard: MakeGuard
) -> None:
    """All that a guard leads to, after good and bad tokens: none of them can be presented again."""
    app = FastAPI()
    guard.install(app)
    good, bad = load.token(), load.token(exp=1)
    for raw in (good, good, bad, load.marks("text")):
        await call(app, "/", token=raw)
    tokens = [*good.split("."), *bad.split(".")]
    kept = [one for one in _reached(guard) if isinstance(one, str | bytes | bytearray)]
    assert len(kept) > 20
    signatures = {tokens[2], tokens[5]}
    for one in kept:
        text = one if isinstance(one, str) else bytes(one).decode("latin-1")
        assert not any(signature in text for signature in signatures)
        assert tokens[1] not in text
        assert tokens[4] not in text


def test_public_objects_are_all_looked_at() -> None:
    """Whoever adds a public class must think of what it shows."""
    classes = {
        name
        for name in kinde_guard.public.__all__
        if isinstance(getattr(kinde_guard, name), type)
        and not issubclass(getattr(kinde_guard, name), Exception)
    }
    looked_at = {"AccessToken", "GuardEvent", "GuardStats", "KeySet", "KindeGuard", "SignedToken"}
    looked_at |= {"ApiKeys", "MemoryRevocations", "RedisRevocations"}
    # An event holds what the application asked to be told, and nothing of the text it came in.
    looked_at |= {"KindeGuardMiddleware", "PublicKey", "RemoteKeySet", "WebhookEvent"}
    assert classes == looked_at
    assert all(not is_dataclass(one) for one in (AccessToken, KindeGuard, PublicKey))


async def test_counters_and_events_can_be_written_out(load: Load, guard: KindeGuard) -> None:
    """What a service may show of its guard to whoever watches over it."""
    await _refusals(load, guard)
    written = json.dumps(asdict(guard.stats))
    assert json.loads(written)["rejected"] == {
        "expired_token": 1,
        "malformed_token": 1,
        "wrong_audience": 1,
    }
    load.marks.check(written)


SETTINGS: dict[str, dict[str, Any]] = {
    "domain": {"domain": "https://user:MARK@acme.kinde.com"},
    "domain-bare": {"domain": "user:MARK@acme.kinde.com"},
    "domain-twice": {"domain": "https://MARK@MARK@acme.kinde.com"},
    "domain-and-path": {"domain": "https://user:MARK@acme.kinde.com/path"},
    "domain-odd": {"domain": "https://user:MARK@[acme"},
    "issuers": {"issuers": ["https://user:MARK@login.acme.com"]},
    "jwks_url": {"jwks_url": "https://user:MARK@acme.kinde.com/jwks"},
    "jwks_url-http": {"jwks_url": "http://user:MARK@acme.kinde.com/jwks"},
    "http_client": {"http_client": "MARK"},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_error_of_a_setting_shows_no_password(settings: dict[str, Any], marks: Marks) -> None:
    mark = marks("a setting")
    wrong = json.loads(json.dumps(settings).replace("MARK", mark))
    with pytest.raises(ConfigurationError) as caught:
        KindeGuard(**{"domain": "acme.kinde.com", "audience": "users", **wrong})
    name = next(iter(settings))
    assert name in str(caught.value)
    marks.check(everything_of(caught.value))


async def test_environment_shows_nowhere(
    marks: Marks, monkeypatch: pytest.MonkeyPatch, logs: Logs
) -> None:
    """Secrets in the environment beside the guard's own variables, and one within them."""
    for name in (
        "KINDE_CLIENT_SECRET",
        "KINDE_MANAGEMENT_CLIENT_SECRET",
        "KINDE_TOKEN",
        "PASSWORD",
    ):
        monkeypatch.setenv(name, marks(name))
    monkeypatch.setenv("KINDE_DOMAIN", "acme.kinde.com")
    monkeypatch.setenv("KINDE_AUDIENCE", "users")
    guard = KindeGuard.from_env()
    marks.check(repr(guard), repr(guard.settings), repr(vars(guard)))
    monkeypatch.setenv("KINDE_DOMAIN", f"https://user:{marks('KINDE_DOMAIN')}@acme.kinde.com")
    with pytest.raises(ConfigurationError) as caught:
        KindeGuard.from_env()
    monkeypatch.delenv("KINDE_DOMAIN")
    with pytest.raises(ConfigurationError) as missing:
        KindeGuard.from_env()
    marks.check(everything_of(caught.value), everything_of(missing.value), logs.text)


async def test_client_that_fetches_the_keys_shows_nowhere(
    make_guard: MakeGuard, key_server: KeyServer, marks: Marks, load: Load, logs: Logs
) -> None:
    """An injected client with secrets in its headers, cookies and credentials, in good and bad
    fetches."""
    client = key_server.client(
        headers={"authorization": f"Bearer {marks('client header')}", "x": marks("x")},
        cookies={"session": marks("client cookie")},
    )
    guard = make_guard(http_client=client)
    app = FastAPI()
    guard.install(app)
    await guard.verify(load.token())
    key_server.fail(httpx.ConnectError(marks("error")))
    answer = await call(app, "/", token=load.token(header={"kid": "other"}))
    assert (answer.status, key_server.fetches) == (401, 1)
    shut = make_guard(http_client=client)
    with pytest.raises(KeysUnavailable) as caught:
        await shut.verify(load.token())
    marks.check(everything_of(caught.value), answer.text, logs.text)
    marks.check(repr(shut), repr(shut.settings), repr(vars(shut)), json.dumps(app.openapi()))
