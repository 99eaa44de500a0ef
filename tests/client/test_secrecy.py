"""Neither the secret nor a token shows in a repr, an error, a log line or a traceback."""

from __future__ import annotations

import asyncio
import gc
import logging
import traceback
from typing import Any

import httpx
import pytest

from kinde_guard.client import ClientCredentials, ClientCredentialsError, ScopeNotGranted
from kinde_guard.vocabulary.errors import ConfigurationError
from tests.client.token_endpoint import SECRET, Api, TokenEndpoint, good

TOKEN = "eyJ0b2tlbg.eyJ0b2tlbg.c2ln"


def everything(error: BaseException) -> str:
    """Return all that an error reporter could show: messages, causes, frames with their locals."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    kept = [repr(error), str(error), repr(error.args), repr(vars(error))]
    return "\n".join([*shown.format(), *kept])


def test_repr_hides_secret_and_token(endpoint: TokenEndpoint) -> None:
    auth = endpoint.credentials()
    endpoint.members = {"access_token": TOKEN}
    grant = auth.fetch()
    shown = f"{auth!r} {auth} {grant!r} {grant} {vars(auth)} {vars(auth._source)}"
    assert SECRET not in shown
    assert TOKEN not in shown


def _raise(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError(f"could not send {request.content.decode()}", request=request)


FAILURES: dict[str, Any] = {
    "echo": httpx.Response(401, json={"error": SECRET, "error_description": f"not {SECRET}!"}),
    "network": _raise,
    "scopes": httpx.Response(200, json=good(TOKEN, scope="read:roles")),
    "type": httpx.Response(200, json=good(TOKEN, token_type="mac")),
    "redirect": httpx.Response(302, headers={"location": f"https://x.test/?{SECRET}"}),
    "lifetime": httpx.Response(200, json=good(TOKEN, expires_in="soon")),
}


@pytest.mark.parametrize("case", FAILURES)
@pytest.mark.parametrize("mode", ["sync", "async", "async-client"])
def test_failure_shows_neither(
    endpoint: TokenEndpoint, case: str, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint.answer = FAILURES[case]
    transport = httpx.MockTransport(endpoint.handle)
    client = httpx.AsyncClient(transport=transport) if mode == "async-client" else None
    auth = endpoint.credentials(scopes=["read:users"], async_http_client=client)
    with pytest.raises(ClientCredentialsError) as caught:
        auth.fetch() if mode == "sync" else asyncio.run(auth.afetch())
    with pytest.raises(ClientCredentialsError) as again:
        auth.fetch()
    for error in (caught.value, again.value):
        assert (error.__cause__, error.__context__) == (None, None)
    frames = [frame for frame in everything(caught.value).split("  File ") if "tests/" not in frame]
    shown = "".join([*frames, str(caught.value), repr(again.value), caplog.text])
    assert SECRET not in shown
    assert TOKEN not in shown


def test_failure_in_hand_keeps_no_frames(endpoint: TokenEndpoint) -> None:
    endpoint.answer = FAILURES["scopes"]
    with pytest.raises(ScopeNotGranted):
        endpoint.credentials(scopes=["read:users"]).fetch()
    gc.collect()
    kept = [each for each in gc.get_objects() if isinstance(each, ScopeNotGranted)]
    for error in kept:
        shown = everything(error)
        assert TOKEN not in "".join(
            part for part in shown.split("  File ") if "kinde_guard/client" in part
        )


def test_api_call_that_fails_shows_no_token_in_our_frames(endpoint: TokenEndpoint) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    endpoint.members = {"access_token": TOKEN}
    auth = endpoint.credentials()
    client = httpx.Client(transport=httpx.MockTransport(fail), auth=auth)
    with client, pytest.raises(httpx.ConnectError) as caught:
        client.get("https://api.acme.com/")
    assert TOKEN not in everything(caught.value)


def test_logs_of_a_good_call_show_neither(
    endpoint: TokenEndpoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint.members = {"access_token": TOKEN}
    with Api(refused=(TOKEN,)).client(endpoint.credentials()) as client:
        client.get("/users")
    assert "got a token from https://acme.kinde.com/oauth2/token" in caplog.text
    assert SECRET not in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("secret", [f"{SECRET}\n", f" {SECRET}", ""])
def test_wrong_secret_is_not_shown(secret: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ClientCredentials("acme.kinde.com", client_id="a", client_secret=secret, audience="b")
    assert SECRET not in str(caught.value)
    assert str(caught.value).startswith("client_secret: ")
