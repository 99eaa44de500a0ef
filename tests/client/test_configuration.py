"""What makes no sense raises where the credentials are made, and names the setting."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from kinde_guard.client import ClientCredentials
from kinde_guard.vocabulary.errors import ConfigurationError

GOOD = {"client_id": "0123abcd", "client_secret": "s3cret", "audience": "https://api.acme.com"}
VARIABLES = {
    "KINDE_DOMAIN": "acme.kinde.com",
    "KINDE_CLIENT_ID": "0123abcd",
    "KINDE_CLIENT_SECRET": "s3cret",
    "KINDE_AUDIENCE": "users roles",
}


def make(domain: str = "acme.kinde.com", **changes: Any) -> ClientCredentials:
    return ClientCredentials(domain, **{**GOOD, **changes})


@pytest.mark.parametrize(
    ("domain", "issuer"),
    [
        ("acme.kinde.com", "https://acme.kinde.com"),
        ("https://Acme.kinde.com/", "https://acme.kinde.com"),
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787"),
        ("http://localhost:8787/", "http://localhost:8787"),
        ("http://[::1]:8787", "http://[::1]:8787"),
        ("127.0.0.1:8787", "https://127.0.0.1:8787"),
    ],
)
def test_domain_becomes_the_issuer(domain: str, issuer: str) -> None:
    assert make(domain).issuer == issuer


@pytest.mark.parametrize(
    "domain",
    [
        "",
        " ",
        "http://acme.kinde.com",
        "http://127.0.0.1.evil.test",
        "ftp://acme.kinde.com",
        "https://",
        "https://acme.kinde.com/path",
        "acme.kinde.com?x",
        "acme.kinde.com#x",
        "user@acme.kinde.com",
        "acme.kinde.com:99999",
        "acme.kinde.com\n",
        "b\u00fccher.test",
        None,
        5,
    ],
)
def test_other_domain_is_refused(domain: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^domain: "):
        make(domain)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", ""),
        ("client_id", "a b"),
        ("client_id", None),
        ("client_secret", None),
        ("audience", ""),
        ("audience", None),
        ("audience", []),
        ("audience", ["a", ""]),
        ("audience", b"a"),
        ("audience", 5),
        ("scopes", "read:users"),
        ("scopes", []),
        ("scopes", ["read users"]),
        ("scopes", [""]),
        ("scopes", [5]),
        ("scopes", 5),
        ("timeout", 0),
        ("timeout", -1),
        ("timeout", True),
        ("timeout", float("nan")),
        ("timeout", float("inf")),
        ("timeout", "5"),
        ("refusal_cooldown", -1),
        ("refusal_cooldown", None),
    ],
)
def test_setting_that_makes_no_sense_is_named(name: str, value: object) -> None:
    changes: dict[str, Any] = {name: value}
    with pytest.raises(ConfigurationError, match=rf"^{name}: "):
        make(**changes)


def test_names_are_asked_for_once_each() -> None:
    auth = make(audience=["a", "b", "a"], scopes=["x", "x"])
    assert (auth.audience, auth.scopes) == (("a", "b"), ("x",))


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    auth = ClientCredentials.from_env(scopes={"b", "a"})
    assert repr(auth) == (
        "ClientCredentials('https://acme.kinde.com', client_id='0123abcd',"
        " audience=('users', 'roles'), scopes=('a', 'b'))"
    )
    assert ClientCredentials.from_env(domain="other.kinde.com").issuer == "https://other.kinde.com"


@pytest.mark.parametrize("missing", VARIABLES)
def test_missing_variable_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KINDE_ISSUER_URL", raising=False)
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, " " if name == missing else value)
    with pytest.raises(ConfigurationError, match=missing):
        ClientCredentials.from_env()


def test_one_object_is_the_auth_of_both_clients() -> None:
    auth = make()
    with httpx.Client(auth=auth) as client:
        assert client.auth is auth
    assert httpx.AsyncClient(auth=auth).auth is auth
