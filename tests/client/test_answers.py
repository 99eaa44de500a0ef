"""Every answer of a token endpoint is a grant or a typed error, never a crash or a loop."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from kinde_guard.client import (
    ClientCredentialsError,
    ScopeNotGranted,
    TokenEndpointUnavailable,
    TokenRequestError,
)
from tests.client.token_endpoint import URL, TokenEndpoint, good
from tests.mint import NOW

ADVICE = (
    " See that the domain is the tenant's own, such as acme.kinde.com, and that it can be reached"
    " from here."
)


def failure(endpoint: TokenEndpoint, answer: httpx.Response, **settings: Any) -> Exception:
    endpoint.answer = answer
    with pytest.raises(ClientCredentialsError) as caught:
        endpoint.credentials(**settings).fetch()
    assert len(endpoint.requests) == 1
    return caught.value


def answered(document: object, status: int = 200) -> httpx.Response:
    text = document if isinstance(document, str) else json.dumps(document)
    return httpx.Response(status, content=text.encode())


def test_request_is_the_form_that_kinde_wants(endpoint: TokenEndpoint) -> None:
    auth = endpoint.credentials(audience=["users", "roles"], scopes=["read:users", "read:roles"])
    endpoint.members = {"scope": "read:users read:roles"}
    auth.fetch()
    (request,) = endpoint.requests
    assert (request.method, str(request.url)) == ("POST", URL)
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in request.headers
    assert request.content.decode() == (
        "grant_type=client_credentials&client_id=0123abcd"
        "&client_secret=S3cretS3cretS3cretS3cretS3cretS3cretS3cret"
        "&audience=users&audience=roles&scope=read%3Ausers+read%3Aroles"
    )


def test_no_scopes_are_sent_for_all_that_are_granted(endpoint: TokenEndpoint) -> None:
    endpoint.credentials().fetch()
    assert set(endpoint.forms[0]) == {"grant_type", "client_id", "client_secret", "audience"}


@pytest.mark.parametrize(
    ("error", "status", "advice"),
    [
        ("invalid_client", 401, "copy both anew"),
        ("unauthorized_client", 400, "Authorize the application for this audience"),
        ("invalid_scope", 400, "APIs > Manage scopes"),
        ("invalid_request", 400, "exactly that of an API"),
        ("unsupported_grant_type", 400, "a Kinde tenant"),
        ("invalid_grant", 400, "machine-to-machine application"),
        ("server_error", 500, ""),
        ("unheard_of", 418, ""),
    ],
)
def test_refusal_says_what_kinde_said_and_what_to_do(
    endpoint: TokenEndpoint, error: str, status: int, advice: str
) -> None:
    said = {"error": error, "error_description": "So it is."}
    raised = failure(endpoint, answered(said, status))
    assert isinstance(raised, TokenRequestError)
    assert (raised.error, raised.description, raised.status) == (error, "So it is.", status)
    assert (
        str(raised)
        == (
            f"Kinde refused the token request: {error} (HTTP {status}): So it is. {raised.advice}"
        ).rstrip()
    )
    assert advice in raised.advice
    assert bool(advice) == bool(raised.advice)


@pytest.mark.parametrize("description", [None, 5, ["x"], {}])
def test_description_that_is_no_text_is_none(endpoint: TokenEndpoint, description: object) -> None:
    said = {"error": "invalid_client", "error_description": description}
    raised = failure(endpoint, answered(said, 401))
    assert raised.args == ("invalid_client", "", 401)


def test_description_is_made_fit_to_be_shown(endpoint: TokenEndpoint) -> None:
    said = '{"error": "invalid_client", "error_description": "a\\nb\\u001b[31m\\ud800' + "x" * 999
    raised = failure(endpoint, httpx.Response(401, content=said + '"}'))
    assert isinstance(raised, TokenRequestError)
    assert raised.description.startswith("a b [31m xxx")
    assert len(raised.description) == 500
    assert str(raised).isprintable()


BAD = {
    "html": (httpx.Response(200, html="<h1>Hello</h1>"), "its answer holds no access token"),
    "empty": (httpx.Response(200), "its answer holds no access token"),
    "utf-8": (httpx.Response(200, content=b'{"a": "\xff"}'), "its answer holds no access token"),
    "array": (answered([good()]), "its answer holds no access token"),
    "deep": (answered("[" * 100_000), "its answer holds no access token"),
    "digits": (answered('{"expires_in": ' + "9" * 5_000), "its answer holds no access token"),
    "token-null": (answered(good(access_token=None)), "its answer holds no access token"),
    "token-number": (answered(good(access_token=5)), "its answer holds no access token"),
    "token-list": (answered(good(access_token=["a"])), "its answer holds no access token"),
    "token-empty": (answered(good(access_token="")), "its answer holds no access token"),
    "token-header": (answered(good(access_token="a\r\nb: c")), "its answer holds no access token"),
    "token-line": (answered(good(access_token="a\n")), "its answer holds no access token"),
    "token-accent": (answered(good(access_token="\u00e9")), "its answer holds no access token"),
    "type-mac": (answered(good(token_type="mac")), "its token is of another type than Bearer"),
    "type-null": (answered(good(token_type=None)), "its token is of another type than Bearer"),
    "type-list": (answered(good(token_type=["x"])), "its token is of another type than Bearer"),
    "expires-zero": (answered(good(expires_in=0)), "its expires_in is no positive number"),
    "expires-past": (answered(good(expires_in=-5)), "its expires_in is no positive number"),
    "expires-text": (answered(good(expires_in="86399")), "its expires_in is no positive number"),
    "expires-bool": (answered(good(expires_in=True)), "its expires_in is no positive number"),
    "expires-inf": (
        answered('{"access_token": "a", "token_type": "bearer", "expires_in": 1e999}'),
        "its expires_in is no positive number",
    ),
    "expires-nan": (
        answered('{"access_token": "a", "token_type": "bearer", "expires_in": NaN}'),
        "its answer holds no access token",
    ),
    "scope-number": (answered(good(scope=5)), "its scope is no list of scope names"),
    "scope-array": (answered(good(scope=["a"])), "its scope is no list of scope names"),
    "scope-quote": (answered(good(scope='a "b"')), "its scope is no list of scope names"),
    "created": (httpx.Response(201, json=good()), "it answers with HTTP 201"),
    "not-found": (httpx.Response(404, html="no"), "it answers with HTTP 404"),
    "bad-gateway": (httpx.Response(502, html="no"), "it answers with HTTP 502"),
    "odd-error": (httpx.Response(400, json={"error": {"a": 1}}), "it answers with HTTP 400"),
    "too-often": (httpx.Response(429, text="slow"), "it was asked too often (HTTP 429)"),
    "redirect": (
        httpx.Response(307, headers={"location": "https://elsewhere.test/"}),
        "it answers with a redirect (HTTP 307), which is not followed",
    ),
    "oversized": (
        httpx.Response(200, json=good(padding="x" * 300_000)),
        "its answer is larger than 262144 bytes",
    ),
    "compressed": (
        httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"x")),
        "its answer is compressed, though that was not asked for",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_answer_of_no_token_endpoint_is_unavailable(endpoint: TokenEndpoint, case: str) -> None:
    answer, problem = BAD[case]
    raised = failure(endpoint, answer)
    assert isinstance(raised, TokenEndpointUnavailable)
    assert (raised.url, raised.problem) == (URL, problem)
    assert str(raised) == f"No token from {URL}: {problem}.{ADVICE}"


@pytest.mark.parametrize("members", [{"expires_in": None}, {}])
def test_token_without_a_lifetime_is_kept_for_an_hour(
    endpoint: TokenEndpoint, members: dict[str, Any]
) -> None:
    endpoint.answer = answered({"access_token": "a", "token_type": "Bearer", **members})
    grant = endpoint.credentials().fetch()
    assert grant.expires_at == datetime.fromtimestamp(NOW, UTC) + timedelta(hours=1)
    assert grant.scopes == frozenset()


@pytest.mark.parametrize("lifetime", [366 * 86_400, 10**12, 10**400, 1e300])
def test_endless_lifetime_is_a_year(endpoint: TokenEndpoint, lifetime: float) -> None:
    endpoint.members = {"expires_in": lifetime}
    grant = endpoint.credentials().fetch()
    assert grant.expires_at == datetime.fromtimestamp(NOW, UTC) + timedelta(days=366)


@pytest.mark.parametrize("members", [{"scope": None}, {}])
def test_answer_without_scope_grants_what_was_asked(
    endpoint: TokenEndpoint, members: dict[str, Any]
) -> None:
    endpoint.answer = answered({"access_token": "a", "token_type": "bearer", **members})
    assert endpoint.credentials(scopes=["read:users"]).fetch().scopes == {"read:users"}


def test_fewer_scopes_than_asked_are_an_error(endpoint: TokenEndpoint) -> None:
    answer = answered(good(scope="read:users"))
    raised = failure(endpoint, answer, scopes=["create:users", "read:users", "read:roles"])
    assert isinstance(raised, ScopeNotGranted)
    assert raised.missing == ("create:users", "read:roles")
    assert raised.granted == {"read:users"}
    assert str(raised) == (
        "Kinde did not grant create:users, read:roles (granted: read:users). Ask for fewer scopes,"
        " or grant the application those it lacks: Settings > Applications > the application > APIs"
        " > Manage scopes."
    )


def test_more_scopes_than_asked_are_told(endpoint: TokenEndpoint) -> None:
    endpoint.members = {"scope": "read:users read:roles"}
    grant = endpoint.credentials(scopes=["read:users"]).fetch()
    assert grant.scopes == {"read:users", "read:roles"}


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), OSError("refused")])
def test_failing_network_is_unavailable(endpoint: TokenEndpoint, error: Exception) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    endpoint.answer = fail
    with pytest.raises(TokenEndpointUnavailable) as caught:
        endpoint.credentials().fetch()
    # Not the error's own text, which may hold what came from elsewhere.
    assert caught.value.problem == type(error).__name__


def test_closed_client_is_unavailable(endpoint: TokenEndpoint) -> None:
    client = httpx.Client()
    client.close()
    with pytest.raises(TokenEndpointUnavailable, match="asking it failed with RuntimeError"):
        endpoint.credentials(http_client=client).fetch()


def test_settings_of_an_injected_client_do_not_count(endpoint: TokenEndpoint) -> None:
    transport = httpx.MockTransport(endpoint.handle)
    auth = endpoint.credentials()
    with httpx.Client(transport=transport, auth=auth, follow_redirects=True) as client:
        own = endpoint.credentials(http_client=client)
        own.fetch()
        assert "authorization" not in endpoint.requests[0].headers
        endpoint.answer = httpx.Response(302, headers={"location": "https://elsewhere.test/"})
        own.forget()
        with pytest.raises(TokenEndpointUnavailable, match="redirect"):
            own.fetch()
    assert len(endpoint.requests) == 2
