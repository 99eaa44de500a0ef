"""The client secret and the tokens that it bought: a token endpoint that repeats what it was sent,
in every part of its answer, and an API that does the same."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import pickle
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest

from kinde_guard.client import ClientCredentials, ClientCredentialsError, TokenGrant
from kinde_guard.vocabulary.errors import ConfigurationError
from tests.attack.secrecy.conftest import Logs
from tests.attack.secrecy.marks import Marks, everything_of
from tests.mint import FrozenClock

API = "https://api.acme.example"
GOOD = {"access_token": "TOKEN", "token_type": "bearer", "expires_in": 3600, "scope": "read:users"}


def _json(status: int, body: Any, **headers: str) -> Callable[[str], httpx.Response]:
    def answer(secret: str) -> httpx.Response:
        text = json.dumps(body).replace("SECRET", secret)
        sent = {
            name.replace("_", "-"): value.replace("SECRET", secret)
            for name, value in headers.items()
        }
        return httpx.Response(status, content=text.encode(), headers=sent)

    return answer


def _raises(kind: type[Exception]) -> Callable[[str], httpx.Response]:
    def answer(secret: str) -> httpx.Response:
        raise kind(f"could not send client_secret={secret} ({secret!r})")

    return answer


def _reason(secret: str) -> httpx.Response:
    return httpx.Response(401, extensions={"reason_phrase": f"No {secret}".encode()})


#: What a token endpoint can answer in order to give the secret away.
ANSWERS: dict[str, Callable[[str], httpx.Response]] = {
    "error": _json(401, {"error": "SECRET"}),
    "description": _json(401, {"error": "invalid_client", "error_description": "not SECRET!"}),
    "description-200": _json(200, {"error": "x", "error_description": "SECRET" * 20}),
    "long": _json(400, {"error": "x" * 490 + "SECRET", "error_description": "y" * 495 + "SECRET"}),
    "other-members": _json(
        400, {"error": "x", "error_uri": "https://SECRET.test", "SECRET": "SECRET"}
    ),
    "objects": _json(400, {"error": {"SECRET": "SECRET"}, "error_description": ["SECRET"]}),
    "quoted": lambda secret: httpx.Response(
        400, json={"error": "x", "error_description": f"client_secret={quote_plus(secret)}"}
    ),
    "scope": _json(200, {**GOOD, "scope": "SECRET"}),
    "scope-list": _json(200, {**GOOD, "scope": ["SECRET"]}),
    "scope-odd": _json(200, {**GOOD, "scope": '"SECRET"'}),
    "token-type": _json(200, {**GOOD, "token_type": "SECRET"}),
    "lifetime": _json(200, {**GOOD, "expires_in": "SECRET"}),
    "token-odd": _json(200, {**GOOD, "access_token": "SECRET SECRET"}),
    "token-object": _json(200, {**GOOD, "access_token": {"SECRET": 1}}),
    "text": lambda secret: httpx.Response(200, text=f"<html>{secret}</html>"),
    "bytes": lambda secret: httpx.Response(200, content=secret.encode() + b"\xff"),
    "cut": lambda secret: httpx.Response(200, content=f'{{"error": "{secret}'.encode()),
    "redirect": lambda secret: httpx.Response(
        302, headers={"location": f"https://x.test/{secret}"}
    ),
    "headers": _json(
        429, {}, retry_after="SECRET", www_authenticate="Bearer SECRET", set_cookie="a=SECRET"
    ),
    "encoding": lambda secret: httpx.Response(
        200, headers={"content-encoding": secret}, content=b"x"
    ),
    "reason": _reason,
    "status": _json(500, {"message": "SECRET"}),
    "connection": _raises(httpx.ConnectError),
    "protocol": _raises(httpx.RemoteProtocolError),
    "time-out": _raises(httpx.ReadTimeout),
    "system": _raises(OSError),
    "anything": _raises(RuntimeError),
    "value": _raises(ValueError),
}

MODES = ["sync", "async", "async-client"]


class Endpoint:
    """Credentials whose token endpoint answers as it is told, and hears what it is sent."""

    def __init__(self, marks: Marks, clock: FrozenClock, secret: str) -> None:
        self.marks = marks
        self.secret = marks.also(secret, "client secret")
        self.token = f"{marks('token')}.{marks('token')}.{marks('token')}"
        self.answer: Callable[[str], httpx.Response] = _json(200, GOOD)
        self.heard: list[bytes] = []
        self._clock = clock

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.heard.append(request.content)
        response = self.answer(self.secret)
        content = response.content.replace(b"TOKEN", self.token.encode())
        headers = {k: v for k, v in response.headers.items() if k != "content-length"}
        if response.headers.get("content-encoding"):
            return response
        return httpx.Response(
            response.status_code, content=content, headers=headers, extensions=response.extensions
        )

    async def ahandle(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self.handle(request)

    def credentials(self, mode: str = "sync", **settings: Any) -> ClientCredentials:
        given: dict[str, Any] = {
            "client_id": "0123abcd",
            "client_secret": self.secret,
            "audience": API,
            "scopes": ["read:users"],
            "clock": self._clock,
            "monotonic": self._clock,
            "http_client": httpx.Client(transport=httpx.MockTransport(self.handle)),
        }
        if mode == "async-client":
            transport = httpx.MockTransport(self.ahandle)
            given["async_http_client"] = httpx.AsyncClient(transport=transport)
        return ClientCredentials("acme.kinde.com", **{**given, **settings})


def _fetch(auth: ClientCredentials, mode: str) -> TokenGrant:
    return auth.fetch() if mode == "sync" else asyncio.run(auth.afetch())


@pytest.fixture(params=["plain", "odd"])
def endpoint(request: pytest.FixtureRequest, marks: Marks, clock: FrozenClock) -> Endpoint:
    secret = marks("client secret")
    return Endpoint(marks, clock, secret if request.param == "plain" else f"{secret}+/=~.{secret}")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_failure_shows_no_secret(
    answer: Callable[[str], httpx.Response], mode: str, endpoint: Endpoint, logs: Logs
) -> None:
    endpoint.answer = answer
    auth = endpoint.credentials(mode)
    for _ in range(2):
        with pytest.raises(ClientCredentialsError) as caught:
            _fetch(auth, mode)
        error = caught.value
        for one in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):
            endpoint.marks.check(everything_of(one))
        # httpx itself logs the status line, in which this endpoint repeats the secret too.
        endpoint.marks.check(repr(pickle.dumps(error)), logs.without("httpx"))
        endpoint.marks.check(repr(auth), str(auth), repr(vars(auth)), repr(auth.__dict__))
    assert len(endpoint.heard) == 1


@pytest.mark.parametrize("mode", MODES)
def test_grant_and_its_use_show_neither_secret_nor_token(
    mode: str, endpoint: Endpoint, logs: Logs
) -> None:
    auth = endpoint.credentials(mode)
    grant = _fetch(auth, mode)
    assert grant.access_token == endpoint.token
    endpoint.marks.check(repr(grant), str(grant), repr([grant]), repr(auth), repr(vars(auth)))
    endpoint.marks.check(repr(vars(auth._source)), repr(auth._source), logs.text)


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("fault", [401, 403, 500, "error"])
def test_api_that_repeats_the_token_shows_it_in_no_log(
    fault: int | str, mode: str, endpoint: Endpoint, logs: Logs
) -> None:
    auth = endpoint.credentials()

    def api(request: httpx.Request) -> httpx.Response:
        sent = request.headers["authorization"]
        if isinstance(fault, str):
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(fault, text=sent, headers={"x-sent": sent})

    async def ask() -> None:
        transport = httpx.MockTransport(api)
        async with httpx.AsyncClient(transport=transport, auth=auth, base_url=API) as client:
            await client.get("/users")

    try:
        if mode == "async":
            asyncio.run(ask())
        else:
            with httpx.Client(
                transport=httpx.MockTransport(api), auth=auth, base_url=API
            ) as client:
                client.get("/users")
    except httpx.ConnectError as error:
        told = everything_of(error)
    else:
        told = ""
    endpoint.marks.check(told, logs.text, repr(auth))


@pytest.mark.parametrize("secret", ["", None, " {}", "{}\n", "{} {}", "\t{}", "bytes", "list"])
def test_wrong_secret_is_not_told(secret: str | None, marks: Marks) -> None:
    mark = marks("client secret")
    odd: dict[str, Any] = {"bytes": mark.encode(), "list": [mark]}
    given: Any = odd.get(secret, secret.format(mark, mark)) if secret else secret
    with pytest.raises(ConfigurationError) as caught:
        ClientCredentials("acme.kinde.com", client_id="a", client_secret=given, audience="b")
    marks.check(everything_of(caught.value))


@pytest.mark.parametrize(
    "wrong",
    [
        {"domain": "https://user:MARK@acme.kinde.com"},
        {"domain": "user:MARK@acme.kinde.com"},
        {"domain": "http://user:MARK@acme.kinde.com"},
        {"audience": []},
        {"scopes": ["a b"]},
        {"timeout": -1},
        {"client_id": "a b"},
    ],
    ids=repr,
)
def test_other_wrong_arguments_tell_no_secret(wrong: dict[str, Any], marks: Marks) -> None:
    given: dict[str, Any] = {"client_id": "a", "audience": "b", "domain": "acme.kinde.com"}
    mark = marks("password")
    changed = {
        name: value.replace("MARK", mark) if isinstance(value, str) else value
        for name, value in wrong.items()
    }
    with pytest.raises(ConfigurationError) as caught:
        ClientCredentials(**{**given, "client_secret": marks("client secret"), **changed})
    marks.check(everything_of(caught.value))


def test_environment_tells_no_secret(marks: Marks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINDE_CLIENT_SECRET", marks("client secret"))
    monkeypatch.setenv("KINDE_CLIENT_ID", "a")
    monkeypatch.setenv("KINDE_AUDIENCE", "b")
    monkeypatch.delenv("KINDE_DOMAIN", raising=False)
    monkeypatch.delenv("KINDE_ISSUER_URL", raising=False)
    with pytest.raises(ConfigurationError) as caught:
        ClientCredentials.from_env()
    marks.check(everything_of(caught.value))
    monkeypatch.setenv("KINDE_DOMAIN", "acme.kinde.com")
    auth = ClientCredentials.from_env()
    marks.check(repr(auth), str(auth), repr(vars(auth)), repr(vars(auth._source)))


def test_marks_are_found_in_every_spelling(marks: Marks) -> None:
    """The search itself: what it would not find, no test here would notice."""
    mark = marks("a place")
    encoded = base64.urlsafe_b64encode(f"xy{mark}z".encode()).decode()
    for text in (mark, mark.upper(), f"a{mark}b", encoded, mark.encode().hex()):
        with pytest.raises(AssertionError, match="a place"):
            marks.check(text)
    for text in ("", mark[:-3], "nothing"):
        marks.check(text)
