"""Settings that make no sense are refused, and the message names them."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import FrozenInstanceError, fields
from typing import Any

import httpx
import pytest

from kinde_guard import ConfigurationError, KindeGuard
from kinde_guard.api_keys import ApiKeys
from kinde_guard.vocabulary.extensions import ApiKeyVerifier, BoundApiKeys

WRONG: list[tuple[str, Any]] = [
    *(("max_age", value) for value in (-1, "300", True, float("nan"), float("inf"), None)),
    *(("stale_for", value) for value in (-1, "600")),
    *(("timeout", value) for value in (0, -1, "5", float("inf"))),
    *(("unknown_per_minute", value) for value in (0, -1, 1.5, True, "60")),
    ("header", ""),
    ("header", "X API Key"),
    ("header", "X-Key:"),
    ("header", "X-Kéy"),
    ("header", b"X-API-Key"),
    ("header", "Authorization"),
    ("header", "authorization"),
    ("header", "Cookie"),
    ("header", "Host"),
    ("credentials", "s3cret"),
    ("credentials", ("id", "s3cret")),
    ("domain", "acme"),
    ("domain", "http://acme.kinde.com"),
    ("domain", "https://acme.kinde.com/api"),
    ("domain", 7),
    ("http_client", httpx.Client()),
    ("http_client", "client"),
    ("http_hosts", "kinde"),
    ("http_hosts", ("http://kinde",)),
]


@pytest.mark.parametrize(
    ("name", "value"), WRONG, ids=[f"{name}-{number}" for number, (name, _) in enumerate(WRONG)]
)
def test_wrong_setting_is_named(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: ") as caught:
        ApiKeys(**{name: value})
    assert "s3cret" not in str(caught.value)


def test_defaults_are_those_of_the_documents() -> None:
    assert {setting.name: getattr(ApiKeys(), setting.name) for setting in fields(ApiKeys)} == {
        "credentials": None,
        "domain": None,
        "max_age": 300,
        "stale_for": 600,
        "timeout": 5,
        "unknown_per_minute": 60,
        "header": None,
        "http_client": None,
        "http_hosts": (),
    }


@pytest.mark.parametrize("header", ["X-API-Key", "api_key", None])
def test_header_is_kept_as_it_is_written(header: str | None) -> None:
    assert ApiKeys(header=header).header == header


def test_settings_are_keyword_only_and_frozen() -> None:
    with pytest.raises(TypeError):
        ApiKeys(None)  # type: ignore[call-arg]
    with pytest.raises(FrozenInstanceError):
        ApiKeys().max_age = 1  # type: ignore[misc]


def test_domain_by_plain_http_needs_to_be_allowed() -> None:
    assert ApiKeys(domain="http://kinde:8787", http_hosts=["kinde"]).domain == "http://kinde:8787"
    assert ApiKeys(domain="acme.kinde.com").domain == "https://acme.kinde.com"


def test_setting_is_what_a_guard_takes() -> None:
    given: ApiKeyVerifier = ApiKeys()
    assert KindeGuard("acme.kinde.com", audience="api", api_keys=given).settings.api_keys is given
    bound: BoundApiKeys = given.bind(
        issuer="https://acme.kinde.com", audience=("api",), monotonic=time.monotonic
    )
    assert callable(bound.verify)


def test_settings_import_no_http_client() -> None:
    code = "import sys; from kinde_guard.api_keys import ApiKeys; ApiKeys(); print(*sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "httpx" not in told.stdout.split()
