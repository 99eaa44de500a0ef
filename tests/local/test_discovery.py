from __future__ import annotations

import base64
import re

import httpx
import pytest

from kinde_guard.local import LocalKinde


def test_the_openid_configuration_names_every_endpoint_under_the_issuer(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    answer = http.get("/.well-known/openid-configuration")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "issuer": kinde.issuer,
        "authorization_endpoint": f"{kinde.issuer}/oauth2/auth",
        "token_endpoint": f"{kinde.issuer}/oauth2/token",
        "jwks_uri": f"{kinde.issuer}/.well-known/jwks",
        "userinfo_endpoint": f"{kinde.issuer}/oauth2/v2/user_profile",
        "end_session_endpoint": f"{kinde.issuer}/logout",
        "introspection_endpoint": f"{kinde.issuer}/oauth2/introspect",
        "revocation_endpoint": f"{kinde.issuer}/oauth2/revoke",
        "device_authorization_endpoint": f"{kinde.issuer}/oauth2/device/auth",
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "none"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "profile", "email", "offline"],
        "prompt_values_supported": ["login", "create", "none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


def test_the_key_set_holds_one_rsa_key_with_the_members_that_kindes_clients_read(
    http: httpx.Client,
) -> None:
    answer = http.get("/.well-known/jwks")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["keys"]
    (key,) = answer.json()["keys"]
    assert list(key) == ["kty", "use", "alg", "kid", "n", "e"]
    assert (key["kty"], key["use"], key["alg"], key["e"]) == ("RSA", "sig", "RS256", "AQAB")
    assert re.fullmatch("([0-9a-f]{2}:){15}[0-9a-f]{2}", key["kid"])
    assert len(base64.urlsafe_b64decode(key["n"] + "==")) * 8 == 2048


@pytest.mark.parametrize(
    "path", ["/.well-known/jwks.json", "//.well-known/jwks.json", "//.well-known//jwks"]
)
def test_another_spelling_of_the_path_gives_the_same_key_set(
    http: httpx.Client, kinde: LocalKinde, path: str
) -> None:
    # The URL is given whole: a client with a base URL would join it its own way.
    answer = http.get(kinde.issuer + path)

    assert answer.status_code == 200
    assert answer.json() == http.get("/.well-known/jwks").json()


def test_a_doubled_slash_before_the_configuration_is_read_as_one(
    http: httpx.Client, kinde: LocalKinde
) -> None:
    assert http.get(kinde.issuer + "//.well-known/openid-configuration").status_code == 200


def test_each_request_for_keys_is_counted_by_either_path(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    before = kinde.jwks_requests
    http.get("/.well-known/jwks")
    http.get(kinde.issuer + "//.well-known/jwks.json")
    http.get("/.well-known/openid-configuration")

    assert kinde.jwks_requests == before + 2


def test_another_method_is_not_allowed(http: httpx.Client) -> None:
    answer = http.post("/.well-known/jwks")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_the_metadata_of_an_authorization_server_are_the_same_document(http: httpx.Client) -> None:
    openid = http.get("/.well-known/openid-configuration")

    assert http.get("/.well-known/oauth-authorization-server").json() == openid.json()


def test_every_endpoint_that_it_names_is_served(http: httpx.Client) -> None:
    document = http.get("/.well-known/openid-configuration").json()
    urls = [value for name, value in document.items() if name.endswith(("_endpoint", "_uri"))]

    statuses = {url: (http.get(url).status_code, http.post(url).status_code) for url in urls}
    assert {url: pair for url, pair in statuses.items() if 404 in pair} == {}


def test_there_is_no_documentation(http: httpx.Client) -> None:
    assert [http.get(path).status_code for path in ("/docs", "/openapi.json")] == [404, 404]
