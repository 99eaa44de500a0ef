"""Settings that say which hosts may be asked in plain http, and which paths are looked at."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from fastapi import FastAPI

from kinde_guard import ConfigurationError, KindeGuard
from tests.mint import AUDIENCE, DOMAIN


def make(domain: Any = DOMAIN, **settings: Any) -> KindeGuard:
    return KindeGuard(domain, **{"audience": AUDIENCE, **settings})


@pytest.mark.parametrize(
    ("domain", "issuer"),
    [
        ("http://kinde:8787", "http://kinde:8787"),
        ("http://KINDE:8787/", "http://kinde:8787"),
        ("https://kinde", "https://kinde"),
        ("kinde", "https://kinde"),
    ],
)
def test_host_of_http_hosts_may_be_the_domain(domain: str, issuer: str) -> None:
    assert make(domain, http_hosts=["Kinde"]).issuer == issuer


def test_http_hosts_hold_for_every_url_of_the_guard() -> None:
    guard = make(
        "http://kinde:8787",
        http_hosts=["kinde", "other"],
        jwks_url="http://kinde:8787/keys",
        issuers=["http://other:1"],
    )
    assert list(guard.settings.jwks_urls.values()) == [
        "http://kinde:8787/keys",
        "http://other:1/.well-known/jwks",
    ]


@pytest.mark.parametrize(
    "domain",
    [
        "kinde",
        "http://kinde:8787",
        "http://elsewhere:8787",
        "http://other.example",
        "http://other@elsewhere",
        "http://other.evil.example",
    ],
)
def test_other_host_raises_configuration_error(domain: str) -> None:
    with pytest.raises(ConfigurationError, match="domain"):
        make(domain, http_hosts=["other"])


@pytest.mark.parametrize("hosts", ["kinde:8787", ["http://kinde"], [""], [5], 5, ["a b"], ["*"]])
def test_http_hosts_that_cannot_be_raise_configuration_error(hosts: Any) -> None:
    with pytest.raises(ConfigurationError, match="http_hosts"):
        make(http_hosts=hosts)


def test_short_name_of_a_tenant_is_told_the_whole_host() -> None:
    with pytest.raises(ConfigurationError, match=r"'acme\.kinde\.com'"):
        make("acme")


def test_every_guard_warns_of_its_http_hosts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "kinde_guard"):
        make("http://kinde:8787", http_hosts=["kinde", "other"])
    assert [each.getMessage() for each in caplog.records] == [
        "plain http is allowed for kinde, other: use it on a network of your own"
    ]


def test_guard_without_http_hosts_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "kinde_guard"):
        make()
    assert caplog.records == []


@pytest.mark.parametrize("name", ["public_paths", "unverified_paths"])
@pytest.mark.parametrize("path", ["/a", "/a/*", "POST /hooks", "OPTIONS /*", "GET /docs/*"])
def test_path_with_or_without_a_method_is_taken(name: str, path: str) -> None:
    assert getattr(make(**{name: [path]}).settings, name) == (path,)


@pytest.mark.parametrize("name", ["public_paths", "unverified_paths"])
@pytest.mark.parametrize(
    "path",
    ["", "a", "POST hooks", "POST  ", "/hooks/{name}", "/a*", "/*/a", "/a?x", "P,Q /a", 5],
)
def test_path_that_matches_nothing_raises_configuration_error(name: str, path: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        make(**{name: [path]})


@pytest.mark.parametrize(
    "resource",
    ["api", "http://api.acme.com", "https://a.example/#x", "https://a.example/?x", "", 5],
)
def test_resource_that_is_no_identifier_raises_configuration_error(resource: Any) -> None:
    with pytest.raises(ConfigurationError, match="resource"):
        make(resource=resource)


@pytest.mark.parametrize("name", ["", " ", 5])
def test_resource_name_that_is_no_text_raises_configuration_error(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="resource_name"):
        make(resource="https://a.example", resource_name=name)


def test_resource_name_without_a_resource_raises_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="resource_name"):
        make(resource_name="Users")


def test_metadata_routes_without_a_resource_raise_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="resource"):
        make().resource_metadata_routes()


@pytest.mark.parametrize("name", ["api_keys", "revocations"])
@pytest.mark.parametrize("given", ["x", 5, object()])
def test_extension_that_is_none_raises_configuration_error(name: str, given: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        make(**{name: given})


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("leway", "leeway"), ("public_path", "public_paths"), ("jwks_maxage", "jwks_max_age")],
)
def test_misspelt_setting_is_told_the_right_one(misspelt: str, meant: str) -> None:
    with pytest.raises(TypeError, match=f"did you mean '{meant}'"):
        make(**{misspelt: 1})


def test_misspelt_setting_beside_the_environment_is_told_the_right_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KINDE_DOMAIN", DOMAIN)
    monkeypatch.setenv("KINDE_AUDIENCE", AUDIENCE)
    options: dict[str, Any] = {"leway": 1}
    with pytest.raises(TypeError, match="did you mean 'leeway'"):
        KindeGuard.from_env(**options)


@pytest.mark.parametrize("name", ["KINDE_DOMAIN", "KINDE_ISSUER_URL", "KINDE_HOST"])
def test_from_env_reads_each_variable_of_the_domain(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in ("KINDE_DOMAIN", "KINDE_ISSUER_URL", "KINDE_HOST"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, " https://acme.kinde.com/ ")
    monkeypatch.setenv("KINDE_AUDIENCE", "a b")
    guard = KindeGuard.from_env()
    assert (guard.issuer, guard.settings.audience) == ("https://acme.kinde.com", ("a", "b"))


def test_docs_sign_in_without_an_audience_raises_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="docs_client_id"):
        make(audience=None).install(FastAPI(), docs_client_id="front")


@pytest.mark.parametrize("client_id", ["", " ", 5])
def test_docs_sign_in_without_a_client_raises_configuration_error(client_id: Any) -> None:
    with pytest.raises(ConfigurationError, match="docs_client_id"):
        make().install(FastAPI(), docs_client_id=client_id)
