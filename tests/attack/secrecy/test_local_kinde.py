"""Local Kinde: its answers, pages, logs and objects hold no secret but where a page is asked for
one. It is for development, but its logs end in the same places as others'."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from kinde_guard.local import Application, LocalKinde
from tests.attack.secrecy.conftest import Logs
from tests.attack.secrecy.marks import Marks


@pytest.fixture(scope="module")
def kinde() -> Iterator[LocalKinde]:
    with LocalKinde() as kinde:
        yield kinde


@pytest.fixture
def http(kinde: LocalKinde) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=kinde.issuer, follow_redirects=False) as client:
        yield client


@pytest.fixture
def known(kinde: LocalKinde, marks: Marks) -> Application:
    """Make marks of every secret of the tenant; return an application of it."""
    applications = [*kinde.applications, *([kinde.management] if kinde.management else [])]
    for application in applications:
        if application.client_secret:  # A front end has none.
            marks.also(application.client_secret, f"secret of {application.name}")
    return kinde.applications[0]


def _told(answer: httpx.Response) -> str:
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    return f"{answer.status_code} {answer.reason_phrase}\n{headers}\n{answer.text}"


#: What each request changes in a good one; most are refused.
REFUSED: dict[str, dict[str, Any]] = {
    "secret": {"client_secret": "MARK"},
    "secret-almost": {"client_secret": "SECRETMARK"},
    "client": {"client_id": "MARK"},
    "audience": {"audience": "https://MARK.example"},
    "scope": {"scope": "nothing:MARK"},
    "scope-quoted": {"scope": '"MARK"'},
    "grant": {"grant_type": "MARK"},
    "parameter-twice": {"client_secret": ["SECRET", "MARK"]},
    "parameter-odd": {"client_assertion": "MARK", "refresh_token": "MARK", "password": "MARK"},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"])
def test_refused_request_is_not_repeated(
    path: str,
    changes: dict[str, Any],
    kinde: LocalKinde,
    http: httpx.Client,
    known: Application,
    marks: Marks,
    logs: Logs,
) -> None:
    form: dict[str, Any] = {
        "grant_type": "client_credentials",
        "client_id": known.client_id,
        "client_secret": known.client_secret,
        "audience": kinde.audience,
        "token": marks("token"),
    }
    mark = marks("form")

    def filled(value: Any) -> Any:
        if isinstance(value, list):
            return [filled(one) for one in value]
        return value.replace("SECRET", known.client_secret).replace("MARK", mark)

    for name, value in changes.items():
        form[filled(name)] = filled(value)
    told = _told(http.post(path, data=form, headers={"authorization": f"Bearer {marks('bearer')}"}))
    # A scope or an audience that is not granted is named to the caller: they are no secrets.
    named = {"form"} if {"scope", "audience"} & changes.keys() else set()
    assert {*marks.found_in(told)} <= named
    marks.check(_own(logs))


def _own(logs: Logs) -> str:
    """Return what the server logged, and not what this test's own client did."""
    return logs.without("httpx", "httpcore")


def test_token_that_is_given_is_in_no_log(
    kinde: LocalKinde, http: httpx.Client, known: Application, marks: Marks, logs: Logs
) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": known.client_id,
        "client_secret": known.client_secret,
        "audience": kinde.audience,
    }
    token = http.post("/oauth2/token", data=form).json()["access_token"]
    marks.also(token, "token")
    marks.also(token.rpartition(".")[2], "signature")
    bearer = {"authorization": f"Bearer {token}"}
    for path in ("/oauth2/introspect", "/oauth2/revoke"):
        marks.check(_told(http.post(path, data={"token": token, **form}, headers=bearer)))
    for path in ("/api/v1/apis", "/api/v1/applications", f"/api/v1/applications/{known.client_id}"):
        marks.check(_told(http.get(path, headers=bearer)))
    marks.check(_own(logs))


PAGES = ["/", "/.well-known/jwks", "/.well-known/openid-configuration", "/api/v1/apis", "/docs"]
PAGES += ["/openapi.json", "/nothing", "/oauth2/token", "/api/v1/nothing"]


@pytest.mark.parametrize("path", PAGES)
def test_page_shows_no_secret_and_nothing_of_the_request(
    path: str, http: httpx.Client, known: Application, marks: Marks, logs: Logs
) -> None:
    headers = {
        "authorization": f"Bearer {marks('bearer')}",
        "cookie": f"session={marks('cookie')}",
        "accept": "text/html",
        "x-note": marks("header"),
    }
    query = {"access_token": marks("query")}
    answer = http.get(path, headers=headers, params=query)
    # uvicorn's access log, where it is on, names the query: no place for a token.
    marks.check(answer.text, logs.without("httpx", "httpcore", "uvicorn.access"))


def test_objects_show_no_secret(kinde: LocalKinde, known: Application, marks: Marks) -> None:
    marks.also(kinde.token().rpartition(".")[2], "signature")
    for one in (kinde, known, kinde.applications, kinde.management, kinde.store, vars(kinde)):
        marks.check(repr(one), str(one))


def test_private_key_is_published_nowhere(kinde: LocalKinde, http: httpx.Client) -> None:
    for path in ("/.well-known/jwks", "/.well-known/jwks.json"):
        for key in http.get(path).json()["keys"]:
            assert set(key) == {"alg", "e", "kid", "kty", "n", "use"}
    shown = repr([kinde, kinde.store, vars(kinde)])
    assert "PRIVATE KEY" not in shown
