"""The Authorization header as RFC 6750 section 2.1 writes it, and every way of writing it wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import example, given
from hypothesis import strategies as st

from kinde_guard import InvalidRequest, KindeGuard, MalformedToken, MissingToken
from tests.core.conftest import add_routes
from tests.core.exchange import Answer, call, check_refusal
from tests.mint import (
    AUDIENCE,
    DOMAIN,
    FrozenClock,
    KeyServer,
    SigningKey,
    Tenant,
    b64url,
    compact,
)

pytestmark = pytest.mark.anyio

CANARY = b"zQ7canary"


@pytest.mark.parametrize("start", ["Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer   "])
async def test_scheme_in_any_case_and_any_number_of_spaces_is_accepted(
    start: str, app: FastAPI, tenant: Tenant
) -> None:
    headers = {"authorization": start + tenant.token("read:users")}
    assert (await call(app, "/users", headers=headers)).status == 200


@pytest.mark.parametrize(
    "value",
    ["", "Basic dXNlcjpwYXNz", "Digest username=x", "Bearers x.y.z", "Bear x.y.z", "DPoP x.y.z"],
)
async def test_another_scheme_gives_missing_token(value: str, app: FastAPI) -> None:
    check_refusal(await call(app, "/users", headers={"authorization": value}), MissingToken)


async def test_token_without_a_scheme_gives_missing_token(app: FastAPI, tenant: Tenant) -> None:
    headers = {"authorization": tenant.token("read:users")}
    check_refusal(await call(app, "/users", headers=headers), MissingToken)


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer",
        b"bearer",
        b"Bearer ",
        b"Bearer    ",
        b"Bearer =",
        b"Bearer ====",
        b'Bearer "x.y.z"',
        b"Bearer x.y.z,x.y.z",
        b"Bearer x.y.z x.y.z",
        b"Bearer x.y.z;q=1",
        b"Bearer x.y.z?",
        b"Bearer Bearer x.y.z",
        b"Bearer x.\xf6.z",
        b"Bearer \xff\xfe",
        b"Bearer x.y\x00.z",
        b"Bearer x.y=z.z",
        b"Bearer %22",
        b"Bearer x.y.z\x0b",
        b"Bearer x\r\n.y.z",
    ],
)
async def test_bytes_outside_b64token_give_malformed_token(value: bytes, app: FastAPI) -> None:
    check_refusal(await call(app, "/users", headers={"authorization": value}), MalformedToken)


@pytest.mark.parametrize("tail", [" ", "\n", "\r\n", "\t", "\x00", ",", " x", "=", "==", "\xa0"])
async def test_good_token_with_anything_after_it_gives_malformed_token(
    tail: str, app: FastAPI, tenant: Tenant
) -> None:
    headers = {"authorization": f"Bearer {tenant.token('read:users')}{tail}"}
    check_refusal(await call(app, "/users", headers=headers), MalformedToken)


@pytest.mark.parametrize("gap", ["\t", "\n", "\xa0", " \t", ":", ""])
async def test_good_token_after_anything_but_spaces_is_refused(
    gap: str, app: FastAPI, tenant: Tenant
) -> None:
    headers = {"authorization": f"Bearer{gap}{tenant.token('read:users')}"}
    answer = await call(app, "/users", headers=headers)
    assert answer.status == 401
    assert answer.json["reason"] in {"malformed_token", "missing_token"}


@pytest.mark.parametrize(
    ("first", "second"),
    [("good", "good"), ("good", "Basic eDp5"), ("Basic eDp5", "good"), ("good", ""), ("", "")],
)
async def test_two_authorization_headers_give_invalid_request(
    first: str, second: str, app: FastAPI, tenant: Tenant
) -> None:
    good = f"Bearer {tenant.token('read:users')}"
    headers = [("authorization", value.replace("good", good)) for value in (first, second)]
    check_refusal(await call(app, "/users", headers=headers), InvalidRequest)


async def test_two_authorization_headers_on_a_public_path_give_invalid_request(
    app: FastAPI,
) -> None:
    headers = [("authorization", "Basic eDp5")] * 2
    check_refusal(await call(app, "/open", headers=headers), InvalidRequest)


class _Listener(logging.Handler):
    """Keeps every log line as its reader would see it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class _Door:
    """One app for all examples, which must come out of them as it went in."""

    def __init__(self, key: SigningKey) -> None:
        self.server = KeyServer(key)
        self.tenant = Tenant(key)
        self.guard = KindeGuard(
            DOMAIN,
            audience=AUDIENCE,
            public_paths=("/open",),
            clock=FrozenClock(),
            monotonic=FrozenClock(),
            http_client=self.server.client(),
        )
        self.app = add_routes(FastAPI())
        self.guard.install(self.app)
        self.listener = _Listener()

    def knock(self, *values: bytes) -> Answer:
        headers = [("authorization", value) for value in values]
        return asyncio.run(call(self.app, "/users", headers=headers))

    def heard(self) -> str:
        return "\n".join(self.listener.lines)


@pytest.fixture(scope="module")
def door(key: SigningKey) -> Iterator[_Door]:
    door = _Door(key)
    root = logging.getLogger()
    level = root.level
    root.addHandler(door.listener)
    root.setLevel(logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    yield door
    root.removeHandler(door.listener)
    root.setLevel(level)
    logging.getLogger("asyncio").setLevel(logging.NOTSET)


def _check_harmless(door: _Door, answer: Answer, allowed: set[int]) -> None:
    assert answer.status in allowed
    assert (answer.challenge or "").startswith('Bearer realm="api"')
    assert CANARY.decode() not in answer.text
    assert CANARY.decode() not in door.heard()
    assert door.guard.stats.verified == 0


@given(head=st.binary(max_size=60), tail=st.binary(max_size=60))
@example(head=b"Bearer ", tail=b"\xff" * 60)
@example(head=b"bearer\x00", tail=b"")
def test_any_bytes_in_the_header_give_401_and_leave_no_trace(
    door: _Door, head: bytes, tail: bytes
) -> None:
    _check_harmless(door, door.knock(head + CANARY + tail), {401})


@given(token=st.binary(max_size=120))
def test_any_bytes_after_bearer_give_401_and_leave_no_trace(door: _Door, token: bytes) -> None:
    _check_harmless(door, door.knock(b"Bearer " + CANARY + token), {401})


@given(segments=st.lists(st.binary(max_size=40), min_size=1, max_size=5))
def test_any_base64_segments_give_401_and_leave_no_trace(
    door: _Door, segments: list[bytes]
) -> None:
    token = ".".join(b64url(CANARY + segment) for segment in segments).encode()
    _check_harmless(door, door.knock(b"Bearer " + token), {401})


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(st.characters(exclude_categories=()), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
HEADER_NAMES = st.sampled_from(["alg", "kid", "typ", "crit", "jku", "jwk", "x5c", "b64", "cty"])


@given(members=st.dictionaries(HEADER_NAMES, JSON_VALUES, min_size=1))
def test_any_header_members_never_let_an_unsigned_token_in(
    door: _Door, members: dict[str, object]
) -> None:
    header = {"alg": "RS256", "kid": door.tenant.key.kid, **members}
    token = compact(header, door.tenant.claims("read:users", note=CANARY.decode())) + "AAAA"
    _check_harmless(door, door.knock(b"Bearer " + token.encode()), {401})


@given(values=st.lists(st.binary(max_size=30).map(lambda tail: CANARY + tail), min_size=2))
def test_several_headers_of_any_bytes_give_400_and_leave_no_trace(
    door: _Door, values: list[bytes]
) -> None:
    _check_harmless(door, door.knock(*values), {400})


CLAIM_NAMES = st.sampled_from(
    ["exp", "nbf", "iat", "iss", "aud", "sub", "azp", "jti", "org_code", "permissions", "gty"]
)


@given(changes=st.dictionaries(CLAIM_NAMES, JSON_VALUES, min_size=1, max_size=3))
def test_any_signed_claim_values_never_give_a_server_error(
    door: _Door, changes: dict[str, Any]
) -> None:
    token = door.tenant.token("read:users", **changes)
    answer = door.knock(b"Bearer " + token.encode())
    assert answer.status in {200, 401}


@given(changes=st.dictionaries(st.sampled_from(["scope", "scp"]), JSON_VALUES, min_size=1))
def test_any_scope_claim_values_give_200_or_403(door: _Door, changes: dict[str, Any]) -> None:
    token = door.tenant.token("read:users", **changes)
    answer = door.knock(b"Bearer " + token.encode())
    # A number that is no JSON (NaN, Infinity) makes the whole token malformed.
    assert answer.status in {200, 401, 403}
    if answer.status == 401:
        assert answer.json["reason"] == "malformed_token"


def test_after_any_bytes_a_good_token_is_accepted_on_the_first_fetch_of_keys(
    key: SigningKey,
) -> None:
    door = _Door(key)
    for value in (b"Bearer x", b"\xff\x00", b"Bearer " + b"A" * 20_000, b"Bearer a.b.c"):
        door.knock(value)
    good = door.tenant.token("read:users").encode()

    assert door.server.fetches == 0
    assert door.knock(b"Bearer " + good).status == 200
    assert door.server.fetches == 1
