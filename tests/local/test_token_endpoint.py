from __future__ import annotations

import base64
import json
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from kinde_guard.local import Application, LocalKinde
from tests.local.clients import (
    ALL,
    API,
    INVALID_CLIENT,
    INVALID_REQUEST,
    NOW,
    UNAUTHORIZED,
    ask,
    assert_refused,
    credentials,
    token_form,
    verified,
)

SCOPE_SENTENCE = "The requested scope is invalid, unknown, or malformed."


@pytest.fixture(scope="module")
def billing(shared_kinde: LocalKinde) -> Application:
    """An application of an organization, authorised for two APIs, with scopes on both."""
    store = shared_kinde.store
    invoices = store.add_api("Invoices", "invoices")
    ledger = store.add_api("Ledger", "urn:ledger")
    billing = store.add_application("Billing", org_code="org_1234567890a")
    for api_id, keys in ((invoices, ["read:all", "pay"]), (ledger, ["read:all", "write"])):
        store.authorise(billing.client_id, api_id)
        for key in keys:
            store.grant(billing.client_id, api_id, store.add_scope(api_id, key))
    found = store.application(billing.client_id)
    assert found is not None
    return found


def test_a_good_request_gives_a_token_shaped_as_kindes(
    kinde: LocalKinde, http: httpx.Client, back_office: Application
) -> None:
    answer = ask(http, back_office)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    raw = answer.json()["access_token"]
    assert answer.json() == {
        "access_token": raw,
        "expires_in": 86_400,
        "scope": ALL,
        "token_type": "bearer",
    }
    claims = verified(http, raw)
    assert str(uuid.UUID(claims["jti"])) == claims["jti"]
    assert claims == {
        "aud": [API],
        "azp": back_office.client_id,
        "exp": NOW + 86_400,
        "gty": ["client_credentials"],
        "iat": NOW,
        "iss": kinde.issuer,
        "jti": claims["jti"],
        "scope": ALL,
        "scp": ALL.split(),
        "v": "2",
    }


def test_the_header_of_a_token_is_kindes_and_survives_plain_base64(
    http: httpx.Client, back_office: Application
) -> None:
    segment = ask(http, back_office).json()["access_token"].split(".")[0]
    kid = http.get("/.well-known/jwks").json()["keys"][0]["kid"]

    header = base64.urlsafe_b64decode(segment + "==")
    assert (
        header
        == json.dumps({"alg": "RS256", "kid": kid, "typ": "JWT"}, separators=(",", ":")).encode()
    )
    assert not set("-_") & set(segment)


def test_two_requests_give_two_tokens(http: httpx.Client, back_office: Application) -> None:
    tokens = [verified(http, ask(http, back_office).json()["access_token"]) for _ in range(2)]

    assert tokens[0]["jti"] != tokens[1]["jti"]


def test_client_ids_and_secrets_have_kindes_form(kinde: LocalKinde) -> None:
    for application in kinde.applications:
        assert re.fullmatch("[0-9a-f]{32}", application.client_id)
        if application.type == "spa":
            assert application.client_secret is None
        else:
            assert re.fullmatch("[A-Za-z0-9]{52}", application.client_secret)
            assert application.client_secret not in repr(application)


@pytest.mark.parametrize("scope", [None, "", " "], ids=["absent", "empty", "blank"])
def test_no_scope_asked_for_gives_all_that_were_granted(
    http: httpx.Client, reporting: Application, scope: str | None
) -> None:
    answer = ask(http, reporting, scope=scope)

    assert (answer.status_code, answer.json()["scope"]) == (200, "read:users read:roles")
    claims = verified(http, answer.json()["access_token"])
    assert (claims["scope"], claims["scp"]) == (
        "read:users read:roles",
        ["read:users", "read:roles"],
    )


def test_a_subset_asked_for_gives_that_subset_in_the_order_asked(
    http: httpx.Client, back_office: Application
) -> None:
    answer = ask(http, back_office, scope="read:roles  read:users read:roles")

    assert (answer.status_code, answer.json()["scope"]) == (200, "read:roles read:users")
    claims = verified(http, answer.json()["access_token"])
    assert (claims["scope"], claims["scp"]) == (
        "read:roles read:users",
        ["read:roles", "read:users"],
    )


def test_nothing_granted_and_nothing_asked_for_gives_a_token_without_scopes(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    newcomer = kinde.store.add_application("Newcomer")
    kinde.store.authorise(newcomer.client_id, kinde.store.add_api("Empty", "empty"))

    answer = ask(http, newcomer, audience="empty")

    assert (answer.status_code, answer.json()["scope"]) == (200, "")
    claims = verified(http, answer.json()["access_token"])
    assert (claims["scope"], claims["scp"]) == ("", [])


@pytest.mark.parametrize(
    ("scope", "hint"),
    [
        ("read:users delete:users", " The application was not granted the scope 'delete:users'."),
        ("READ:users", " The application was not granted the scope 'READ:users'."),
        ("openid", " The application was not granted the scope 'openid'."),
        ('"quoted"', " The application was not granted the scope."),
        ("é", " The application was not granted the scope."),
    ],
)
def test_a_scope_that_was_not_granted_is_invalid_scope(
    http: httpx.Client, reporting: Application, scope: str, hint: str
) -> None:
    assert_refused(
        ask(http, reporting, scope=scope),
        400,
        {"error": "invalid_scope", "error_description": SCOPE_SENTENCE + hint},
    )


def test_repeated_and_space_separated_audiences_all_stand_in_the_token(
    http: httpx.Client, billing: Application
) -> None:
    for audience in (["invoices", "urn:ledger"], "invoices urn:ledger"):
        answer = ask(http, billing, audience=audience)

        assert (answer.status_code, answer.json()["scope"]) == (200, "read:all pay write")
        claims = verified(http, answer.json()["access_token"])
        assert claims["aud"] == ["invoices", "urn:ledger"]
        assert claims["org_code"] == "org_1234567890a"


def test_a_scope_held_on_another_api_only_is_invalid_scope(
    http: httpx.Client, billing: Application
) -> None:
    answer = ask(http, billing, audience="invoices", scope="write")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize("audience", ["https://api.other.example", [API, "https://x.example"]])
def test_an_audience_that_was_not_authorised_is_unauthorized_client(
    http: httpx.Client, back_office: Application, audience: Any
) -> None:
    unknown = audience if isinstance(audience, str) else audience[-1]
    hint = f"The application is not authorized for '{unknown}'."
    assert_refused(
        ask(http, back_office, audience=audience),
        400,
        {
            "error": "unauthorized_client",
            "error_description": f"{UNAUTHORIZED} {hint}",
        },
    )


def test_an_application_that_is_no_machine_is_unauthorized_client(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    website = kinde.store.add_application("Website", type="reg")

    assert_refused(
        ask(http, website),
        400,
        {
            "error": "unauthorized_client",
            "error_description": f"{UNAUTHORIZED} Applications of its type may not use this grant.",
        },
    )


@pytest.mark.parametrize("audience", [None, ""], ids=["absent", "empty"])
def test_a_missing_audience_is_invalid_request(
    http: httpx.Client, back_office: Application, audience: str | None
) -> None:
    assert_refused(
        ask(http, back_office, audience=audience),
        400,
        {
            "error": "invalid_request",
            "error_description": f"{INVALID_REQUEST} Request parameter 'audience' is missing.",
        },
    )


@pytest.mark.parametrize("grant_type", [None, ""], ids=["absent", "empty"])
def test_a_missing_grant_type_is_invalid_request(
    http: httpx.Client, back_office: Application, grant_type: str | None
) -> None:
    assert_refused(
        ask(http, back_office, grant_type=grant_type),
        400,
        {
            "error": "invalid_request",
            "error_description": f"{INVALID_REQUEST} Request parameter 'grant_type' is missing.",
        },
    )


@pytest.mark.parametrize("grant_type", ["implicit", "password", "Client_Credentials"])
def test_another_grant_is_unsupported_grant_type(
    http: httpx.Client, back_office: Application, grant_type: str
) -> None:
    assert_refused(
        ask(http, back_office, grant_type=grant_type),
        400,
        {
            "error": "unsupported_grant_type",
            "error_description": (
                "The authorization grant type is not supported by the authorization server."
                " Local Kinde serves client_credentials, authorization_code, refresh_token,"
                " urn:ietf:params:oauth:grant-type:device_code."
            ),
        },
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"client_secret": "x" * 52},
        {"client_secret": None},
        {"client_secret": ""},
        {"client_secret": "é"},
        {"client_id": "0" * 32},
        {"client_id": None},
        {"client_id": None, "client_secret": None},
        {"client_id": "0" * 32, "client_secret": "-" * 52},
    ],
)
def test_bad_credentials_are_invalid_client_whatever_is_wrong_with_them(
    http: httpx.Client, back_office: Application, changes: dict[str, Any]
) -> None:
    answer = ask(http, back_office, **changes)

    assert_refused(answer, 401, INVALID_CLIENT)
    assert "www-authenticate" not in answer.headers


def test_the_secret_of_another_application_is_invalid_client(
    http: httpx.Client, back_office: Application, reporting: Application
) -> None:
    assert_refused(
        ask(http, back_office, client_secret=reporting.client_secret), 401, INVALID_CLIENT
    )


def test_http_basic_is_invalid_client_with_a_challenge(
    http: httpx.Client, back_office: Application
) -> None:
    form = token_form(back_office, client_id=None, client_secret=None)
    answer = http.post(
        "/oauth2/token", data=form, auth=(back_office.client_id, back_office.client_secret)
    )

    assert_refused(answer, 401, INVALID_CLIENT)
    assert answer.headers["www-authenticate"] == 'Basic realm="local kinde"'


def test_bad_credentials_are_told_before_a_bad_audience(
    http: httpx.Client, back_office: Application
) -> None:
    answer = ask(http, back_office, client_secret="wrong", audience="nowhere")

    assert_refused(answer, 401, INVALID_CLIENT)


def test_parameters_and_headers_that_nobody_knows_are_ignored(
    http: httpx.Client, back_office: Application
) -> None:
    answer = http.post(
        "/oauth2/token",
        data=token_form(back_office, colour="blue"),
        headers={"Kinde-SDK": "Python/2.4.0", "Authorization": "Bearer something"},
    )

    assert answer.status_code == 200


def test_a_charset_in_the_content_type_is_understood(
    http: httpx.Client, back_office: Application
) -> None:
    body = str(httpx.QueryParams(token_form(back_office)))
    for content_type in (
        "application/x-www-form-urlencoded; charset=UTF-8",
        'APPLICATION/x-www-form-urlencoded;charset="utf-8"',
    ):
        answer = http.post("/oauth2/token", content=body, headers={"content-type": content_type})
        assert answer.status_code == 200


def test_a_doubled_slash_before_the_path_is_read_as_one(
    kinde: LocalKinde, http: httpx.Client, back_office: Application
) -> None:
    answer = http.post(kinde.issuer + "//oauth2/token", data=token_form(back_office))

    assert answer.status_code == 200


def test_get_is_not_allowed(http: httpx.Client, back_office: Application) -> None:
    answer = http.get("/oauth2/token", params=token_form(back_office))

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_parameters_in_the_query_do_not_count(http: httpx.Client, back_office: Application) -> None:
    answer = http.post("/oauth2/token", params=token_form(back_office), data={"a": "b"})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_each_token_request_is_counted_refused_ones_too(
    kinde: LocalKinde, http: httpx.Client, back_office: Application
) -> None:
    before = kinde.token_requests
    ask(http, back_office)
    ask(http, back_office, client_secret="wrong")

    assert kinde.token_requests == before + 2


def test_the_lifetime_of_an_application_decides_exp_and_expires_in(
    kinde: LocalKinde, http: httpx.Client, back_office: Application
) -> None:
    short = kinde.store.add_application("Short")
    kinde.store.authorise(short.client_id, kinde.store.add_api("Brief", "brief"))
    with kinde.store.transaction() as rows:
        rows.execute(
            "UPDATE applications SET token_lifetime = 60 WHERE client_id = ?", (short.client_id,)
        )

    answer = ask(http, short, audience="brief")

    assert answer.json()["expires_in"] == 60
    assert verified(http, answer.json()["access_token"])["exp"] == NOW + 60


def test_many_requests_at_once_are_all_answered(
    kinde: LocalKinde, back_office: Application
) -> None:
    def request(_: int) -> int:
        data = token_form(back_office)
        return httpx.post(f"{kinde.issuer}/oauth2/token", data=data, timeout=20).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(request, range(40))) == {200}


def test_the_secret_of_an_application_stands_in_no_answer(
    http: httpx.Client, back_office: Application
) -> None:
    for changes in ({}, {"scope": "x"}, {"audience": "x"}, {"grant_type": "x"}):
        assert back_office.client_secret not in ask(http, back_office, **changes).text


def test_credentials_alone_are_no_request(http: httpx.Client, back_office: Application) -> None:
    answer = http.post("/oauth2/token", data=credentials(back_office))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
