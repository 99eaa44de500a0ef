"""Contract section 4: every setting is checked once, at construction, and named when wrong."""

from __future__ import annotations

import math
from typing import Any

import pytest

from kinde_guard import ConfigurationError, KindeGuard
from tests.mint import AUDIENCE, DOMAIN, ISSUER, KeyServer


def make(domain: Any = DOMAIN, **settings: Any) -> KindeGuard:
    return KindeGuard(domain, **{"audience": AUDIENCE, **settings})


# --- domain --------------------------------------------------------------------------------------

ISSUERS = {
    "acme.kinde.com": "https://acme.kinde.com",
    "https://acme.kinde.com": "https://acme.kinde.com",
    "https://acme.kinde.com/": "https://acme.kinde.com",
    "acme.us.kinde.com": "https://acme.us.kinde.com",
    "account.acme.example": "https://account.acme.example",
    "127.0.0.1:8787": "https://127.0.0.1:8787",
    "https://127.0.0.1:8787": "https://127.0.0.1:8787",
    "http://127.0.0.1:8787": "http://127.0.0.1:8787",
    "http://127.0.0.1:8787/": "http://127.0.0.1:8787",
    "http://localhost:8787": "http://localhost:8787",
    "http://[::1]:8787": "http://[::1]:8787",
}


@pytest.mark.parametrize(("domain", "issuer"), ISSUERS.items())
def test_domain_becomes_the_exact_issuer(domain: str, issuer: str) -> None:
    guard = make(domain)
    assert guard.issuer == issuer
    assert guard.settings.issuer == issuer


BAD_DOMAINS: list[Any] = [
    "",
    " ",
    "/",
    "https://",
    "http://acme.kinde.com",
    "http://localhost.evil.example",
    "http://127.0.0.1.evil.example",
    "http://evil.example/127.0.0.1",
    "http://localhost@evil.example",
    "ftp://acme.kinde.com",
    "javascript:alert(1)",
    "https://acme.kinde.com/path",
    "https://acme.kinde.com//",
    "https://acme.kinde.com?x=1",
    "https://acme.kinde.com#x",
    "https://user:pass@acme.kinde.com",
    "acme.kinde.com acme.kinde.com",
    "acme.kinde.com\n",
    " acme.kinde.com",
    "acme.kinde.com:port",
    "acme.kinde.com:99999",
    None,
    5,
    True,
    b"acme.kinde.com",
    ["acme.kinde.com"],
]


@pytest.mark.parametrize("domain", BAD_DOMAINS, ids=repr)
def test_domain_that_is_no_host_raises_configuration_error(domain: object) -> None:
    with pytest.raises(ConfigurationError, match="domain"):
        make(domain)


def test_configuration_error_is_a_value_error() -> None:
    assert issubclass(ConfigurationError, ValueError)


# --- audience ------------------------------------------------------------------------------------


def test_audience_has_no_default() -> None:
    with pytest.raises(TypeError, match="audience"):
        KindeGuard(DOMAIN)  # type: ignore[call-arg]


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], (AUDIENCE, "short-code"), None])
def test_audience_as_text_sequence_or_explicit_none_is_taken(audience: object) -> None:
    assert make(audience=audience).issuer == ISSUER


BAD_AUDIENCES: list[Any] = [
    "",
    " ",
    [],
    (),
    [""],
    [AUDIENCE, ""],
    [AUDIENCE, None],
    5,
    True,
    False,
    b"api",
    {},
    ISSUER,
    [AUDIENCE, ISSUER],
]


@pytest.mark.parametrize("audience", BAD_AUDIENCES, ids=repr)
def test_audience_that_cannot_be_one_raises_configuration_error(audience: object) -> None:
    with pytest.raises(ConfigurationError, match="audience"):
        make(audience=audience)


def test_further_issuer_as_audience_raises_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="audience"):
        make(issuers=("https://account.acme.example",), audience="https://account.acme.example")


# --- issuers and jwks_url ------------------------------------------------------------------------

BAD_ISSUERS: list[Any] = [
    "https://account.acme.example",
    ("",),
    ("http://account.acme.example",),
    ("ftp://account.acme.example",),
    (None,),
    (5,),
    None,
    5,
]


@pytest.mark.parametrize("issuers", BAD_ISSUERS, ids=repr)
def test_issuers_that_cannot_be_raise_configuration_error(issuers: object) -> None:
    with pytest.raises(ConfigurationError, match="issuers"):
        make(issuers=issuers)


@pytest.mark.parametrize(
    "url",
    [
        "https://keys.acme.example/jwks",
        "http://127.0.0.1:8787/.well-known/jwks",
        "http://localhost:1/jwks",
    ],
)
def test_jwks_url_of_https_or_loopback_is_taken(url: str) -> None:
    assert make(jwks_url=url).settings.jwks_url == url


BAD_URLS: list[Any] = [
    "",
    "http://keys.acme.example/jwks",
    "http://127.0.0.1.evil.example/jwks",
    "ftp://127.0.0.1/jwks",
    "file:///etc/jwks",
    "/jwks",
    "keys.acme.example/jwks",
    "https://",
    "https:///jwks",
    5,
    True,
]


@pytest.mark.parametrize("url", BAD_URLS, ids=repr)
def test_jwks_url_elsewhere_raises_configuration_error(url: object) -> None:
    with pytest.raises(ConfigurationError, match="jwks_url"):
        make(jwks_url=url)


@pytest.mark.anyio
async def test_jwks_url_is_where_the_keys_are_fetched(key_server: KeyServer) -> None:
    guard = make(jwks_url="https://keys.acme.example/jwks", http_client=key_server.client())
    key_server.documents["https://keys.acme.example/jwks"] = key_server.documents.popitem()[1]
    await guard.warm()
    assert [str(request.url) for request in key_server.requests] == [
        "https://keys.acme.example/jwks"
    ]


@pytest.mark.anyio
async def test_keys_are_fetched_from_the_well_known_jwks_by_default(key_server: KeyServer) -> None:
    await make(http_client=key_server.client()).warm()
    assert [(request.method, str(request.url)) for request in key_server.requests] == [
        ("GET", "https://acme.kinde.com/.well-known/jwks")
    ]


# --- algorithms ----------------------------------------------------------------------------------

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
ALGORITHMS += ["ES256", "ES384", "ES512", "EdDSA"]


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_public_key_algorithm_is_taken(alg: str) -> None:
    assert make(algorithms=(alg,)).settings.algorithms == (alg,)


@pytest.mark.parametrize(
    "algorithms",
    [
        ("none",),
        ("NONE",),
        ("HS256",),
        ("HS384",),
        ("HS512",),
        ("RS256", "HS256"),
        ("RS256", "none"),
        ("ES256K",),
        ("RSA1_5",),
        ("rs256",),
        ("RS1",),
        ("",),
        (),
        (None,),
        (5,),
        "RS256",
        None,
        5,
    ],
    ids=repr,
)
def test_any_other_algorithm_raises_configuration_error(algorithms: object) -> None:
    with pytest.raises(ConfigurationError, match="algorithms"):
        make(algorithms=algorithms)


# --- numbers -------------------------------------------------------------------------------------

DURATIONS = ["leeway", "jwks_max_age", "jwks_stale_for", "jwks_cooldown", "jwks_timeout"]
SIZES = ["jwks_max_bytes", "token_cache_size", "max_token_bytes"]
NO_NUMBERS: list[Any] = [True, False, None, "5", "", [5], 5 + 1j, b"5"]
NO_AMOUNTS: list[Any] = [math.nan, math.inf, -math.inf, -1, -0.001]


@pytest.mark.parametrize("value", NO_NUMBERS + NO_AMOUNTS, ids=repr)
@pytest.mark.parametrize("name", DURATIONS + SIZES)
def test_number_that_cannot_be_raises_configuration_error_with_the_name(
    name: str, value: object
) -> None:
    with pytest.raises(ConfigurationError, match=rf"\b{name}\b"):
        make(**{name: value})


@pytest.mark.parametrize("name", SIZES)
def test_size_with_a_fraction_raises_configuration_error(name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"\b{name}\b"):
        make(**{name: 1.5})


@pytest.mark.parametrize("name", ["jwks_timeout", "jwks_max_bytes", "max_token_bytes"])
def test_zero_where_nothing_could_work_raises_configuration_error(name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"\b{name}\b"):
        make(**{name: 0})


@pytest.mark.parametrize("name", ["leeway", "jwks_stale_for", "jwks_cooldown", "token_cache_size"])
def test_zero_where_it_means_something_is_taken(name: str) -> None:
    assert getattr(make(**{name: 0}).settings, name) == 0


@pytest.mark.parametrize("leeway", [0, 5, 299.9, 300])
def test_leeway_up_to_300_seconds_is_taken(leeway: float) -> None:
    assert make(leeway=leeway).settings.leeway == leeway


@pytest.mark.parametrize("leeway", [300.1, 301, 86_400])
def test_leeway_above_300_seconds_raises_configuration_error(leeway: float) -> None:
    with pytest.raises(ConfigurationError, match="leeway"):
        make(leeway=leeway)


@pytest.mark.parametrize("name", DURATIONS)
def test_durations_are_int_or_float(name: str) -> None:
    assert getattr(make(**{name: 7}).settings, name) == 7
    assert getattr(make(**{name: 7.5}).settings, name) == 7.5


DEFAULTS = {
    "algorithms": ("RS256",),
    "leeway": 5,
    "scope_claims": ("scope", "scp"),
    "jwks_max_age": 600,
    "jwks_stale_for": 86_400,
    "jwks_cooldown": 30,
    "jwks_timeout": 5,
    "jwks_max_bytes": 262_144,
    "token_cache_size": 4_096,
    "max_token_bytes": 16_384,
    "public_paths": (),
    "protect_docs": False,
    "fail_fast": False,
    "realm": "api",
}


@pytest.mark.parametrize(("name", "value"), DEFAULTS.items())
def test_setting_has_the_default_of_the_contract(name: str, value: object) -> None:
    assert getattr(make().settings, name) == value


@pytest.mark.parametrize("name", [*DEFAULTS, "issuer", "audience", "brand_new"])
def test_settings_are_frozen(name: str) -> None:
    settings = make().settings
    with pytest.raises((AttributeError, TypeError)):
        setattr(settings, name, 1)


def test_change_of_a_list_that_was_given_changes_no_setting() -> None:
    audience, paths = [AUDIENCE], ["/open"]
    guard = make(audience=audience, public_paths=paths)
    audience.append("another")
    paths.append("/*")
    assert "another" not in repr(guard.settings.audience)
    assert tuple(guard.settings.public_paths) == ("/open",)


def test_unknown_setting_raises_type_error() -> None:
    with pytest.raises(TypeError, match="audiense"):
        make(audiense="x")


# --- flags, names, realm, paths ------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, 0, 1, "yes", "false"], ids=repr)
@pytest.mark.parametrize("name", ["protect_docs", "fail_fast"])
def test_flag_that_is_no_bool_raises_configuration_error(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=name):
        make(**{name: value})


@pytest.mark.parametrize("realm", ["api", "Users API", "a!#b", "x, y=z", "~"])
def test_realm_of_quoted_string_characters_is_taken(realm: str) -> None:
    assert make(realm=realm).settings.realm == realm


@pytest.mark.parametrize(
    "realm", ['a"b', "a\\b", "a\nb", "a\r\nX: y", "a\x00", "a\x7f", "caf\u00e9", None, 5, b"a"]
)
def test_realm_outside_a_quoted_string_raises_configuration_error(realm: object) -> None:
    with pytest.raises(ConfigurationError, match="realm"):
        make(realm=realm)


@pytest.mark.parametrize(
    "claims", ["scope", (), ("",), (None,), (5,), ("scope", ""), None, 5], ids=repr
)
def test_scope_claims_that_cannot_be_raise_configuration_error(claims: object) -> None:
    with pytest.raises(ConfigurationError, match="scope_claims"):
        make(scope_claims=claims)


@pytest.mark.parametrize(
    "paths",
    [
        "/health",
        ("health",),
        ("",),
        ("*",),
        ("/a*",),
        ("/*/b",),
        ("/a/**",),
        ("/a/*/b",),
        (None,),
        (5,),
        ("/a?x=1",),
        ("/a#b",),
        ("/a/../b",),
        None,
        5,
    ],
    ids=repr,
)
def test_public_paths_that_cannot_be_raise_configuration_error(paths: object) -> None:
    with pytest.raises(ConfigurationError, match="public_paths"):
        make(public_paths=paths)


@pytest.mark.parametrize("name", ["clock", "monotonic", "on_event"])
@pytest.mark.parametrize("value", [5, "now", object()], ids=["number", "text", "object"])
def test_hook_that_cannot_be_called_raises_configuration_error(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=name):
        make(**{name: value})


@pytest.mark.parametrize("value", [5, "client", object()], ids=["number", "text", "object"])
def test_http_client_that_is_none_raises_configuration_error(value: object) -> None:
    with pytest.raises(ConfigurationError, match="http_client"):
        make(http_client=value)


def test_error_says_what_was_given() -> None:
    with pytest.raises(ConfigurationError, match="301"):
        make(leeway=301)


# --- from_env ------------------------------------------------------------------------------------

VARIABLES = ["KINDE_DOMAIN", "KINDE_ISSUER_URL", "KINDE_AUDIENCE"]


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KINDE_DOMAIN", "acme.kinde.com"),
        ("KINDE_DOMAIN", "https://acme.kinde.com"),
        ("KINDE_ISSUER_URL", "https://acme.kinde.com"),
        ("KINDE_ISSUER_URL", "https://acme.kinde.com/"),
    ],
)
def test_from_env_reads_domain_or_issuer_url(
    name: str, value: str, env: pytest.MonkeyPatch
) -> None:
    env.setenv(name, value)
    env.setenv("KINDE_AUDIENCE", AUDIENCE)
    assert KindeGuard.from_env().issuer == ISSUER


def test_from_env_splits_the_audience_at_spaces(env: pytest.MonkeyPatch) -> None:
    env.setenv("KINDE_DOMAIN", DOMAIN)
    env.setenv("KINDE_AUDIENCE", f"{AUDIENCE}  short-code")
    assert tuple(KindeGuard.from_env().settings.audience or ()) == (AUDIENCE, "short-code")


def test_from_env_without_a_domain_names_both_variables(env: pytest.MonkeyPatch) -> None:
    env.setenv("KINDE_AUDIENCE", AUDIENCE)
    with pytest.raises(ConfigurationError, match=r"KINDE_DOMAIN.*KINDE_ISSUER_URL"):
        KindeGuard.from_env()


@pytest.mark.parametrize("value", [None, "", "  "])
def test_from_env_without_an_audience_names_the_variable(
    value: str | None, env: pytest.MonkeyPatch
) -> None:
    env.setenv("KINDE_DOMAIN", DOMAIN)
    if value is not None:
        env.setenv("KINDE_AUDIENCE", value)
    with pytest.raises(ConfigurationError, match="KINDE_AUDIENCE"):
        KindeGuard.from_env()


def test_from_env_with_settings_of_the_caller_prefers_them(env: pytest.MonkeyPatch) -> None:
    env.setenv("KINDE_DOMAIN", DOMAIN)
    env.setenv("KINDE_AUDIENCE", AUDIENCE)
    guard = KindeGuard.from_env(leeway=0, audience="short-code")
    assert guard.settings.leeway == 0
    assert "short-code" in repr(guard.settings.audience)


def test_from_env_that_makes_no_sense_raises_configuration_error(
    env: pytest.MonkeyPatch,
) -> None:
    env.setenv("KINDE_DOMAIN", "http://acme.kinde.com")
    env.setenv("KINDE_AUDIENCE", AUDIENCE)
    with pytest.raises(ConfigurationError):
        KindeGuard.from_env()


def test_from_env_with_a_domain_of_the_caller_needs_no_variable_for_it(
    env: pytest.MonkeyPatch,
) -> None:
    env.setenv("KINDE_AUDIENCE", AUDIENCE)
    assert KindeGuard.from_env(domain=DOMAIN).issuer == ISSUER
