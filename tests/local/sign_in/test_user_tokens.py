"""Codes, and the access, ID and refresh tokens that they give."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import httpx
import jwt
import pytest

from kinde_guard.local import LocalKinde, TokenCustomization
from tests.local.clients import API, NOW, assert_refused, verified
from tests.local.sign_in.front_end import (
    ADA,
    ANALYTICAL,
    CALLBACK,
    CHARLES,
    DIFFERENCE,
    MARY,
    FrontEnd,
)

SCP = ["openid", "profile", "email", "offline"]
ALL = "manage:members view:reports read:users create:users update:users delete:users read:roles"


def error_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, answer.json()["error"]


def claims_of(token: str) -> dict[str, Any]:
    decoded: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return decoded


def is_active(http: httpx.Client, token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}"}
    return http.get("/oauth2/v2/user_profile", headers=headers).status_code == 200


def test_the_answer_is_kindes(front_end: FrontEnd) -> None:
    answer = front_end.redeem(front_end.code())

    assert answer.status_code == 200
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    body = answer.json()
    assert body == {
        "access_token": body["access_token"],
        "expires_in": 86_400,
        "id_token": body["id_token"],
        "refresh_token": body["refresh_token"],
        "scope": "openid profile email offline",
        "token_type": "bearer",
    }


def test_an_access_token_says_who_and_what_they_hold(
    kinde: LocalKinde, http: httpx.Client, front_end: FrontEnd
) -> None:
    ada = kinde.people[0]
    claims = verified(http, front_end.sign_in()["access_token"])

    assert re.fullmatch("kp_[0-9a-f]{32}", claims["sub"])
    (role,) = claims["roles"]
    assert claims == {
        "aud": [API],
        "azp": front_end.client["client_id"],
        "exp": NOW + 86_400,
        "feature_flags": {
            "beta": {"t": "b", "v": True},
            "theme": {"t": "s", "v": "pink"},
            "seats": {"t": "i", "v": 5},
        },
        "iat": NOW,
        "iss": kinde.issuer,
        "jti": claims["jti"],
        "org_code": ANALYTICAL,
        "permissions": [*ALL.split(), "update:roles"],
        "roles": [{"id": role["id"], "key": "admin", "name": "Administrator"}],
        "scp": SCP,
        "sub": ada.id,
    }


def test_an_id_token_says_who_it_is_for_the_application(
    kinde: LocalKinde, http: httpx.Client, front_end: FrontEnd
) -> None:
    given = front_end.sign_in(nonce='n"<>ä')
    claims = verified(http, given["id_token"])

    half = hashlib.sha256(given["access_token"].encode()).digest()[:16]
    assert claims == {
        "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
        "aud": [kinde.issuer, front_end.client["client_id"]],
        "auth_time": NOW,
        "azp": front_end.client["client_id"],
        "email": ADA,
        "exp": NOW + 3_600,
        "family_name": "Lovelace",
        "given_name": "Ada",
        "iat": NOW,
        "iss": kinde.issuer,
        "jti": claims["jti"],
        "name": "Ada Lovelace",
        "nonce": 'n"<>ä',
        "org_codes": [ANALYTICAL],
        "picture": "",
        "provided_id": "",
        "sub": kinde.people[0].id,
        "updated_at": NOW,
    }


@pytest.mark.parametrize(
    ("scope", "given"),
    [
        ("openid", {"id_token"}),
        ("openid offline", {"id_token", "refresh_token"}),
        ("profile", set()),
        ("openid offline_access", {"id_token"}),
        ("openid read:users", {"id_token"}),
        (None, {"id_token", "refresh_token"}),
    ],
)
def test_an_id_token_needs_openid_and_a_refresh_token_offline(
    front_end: FrontEnd, scope: str | None, given: set[str]
) -> None:
    body = front_end.sign_in(scope=scope)

    assert {name for name in ("id_token", "refresh_token") if name in body} == given
    assert claims_of(body["access_token"])["scp"] == body["scope"].split()
    assert "read:users" not in body["scope"]


def test_without_profile_and_email_the_id_token_names_neither(front_end: FrontEnd) -> None:
    claims = claims_of(front_end.sign_in(scope="openid")["id_token"])

    assert "email" not in claims
    assert (claims["name"], claims["given_name"], claims["family_name"]) == ("", "", "")


@pytest.mark.parametrize(
    ("audience", "aud"),
    [
        (None, []),
        ("", []),
        (API, [API]),
        ("https://unknown.example", []),
        (f"https://unknown.example {API}", [API]),
        ([API, API], [API]),
    ],
)
def test_the_audience_is_what_was_asked_for_and_authorized(
    front_end: FrontEnd, audience: Any, aud: list[str]
) -> None:
    claims = claims_of(front_end.sign_in(audience=audience)["access_token"])

    assert claims["aud"] == aud
    has_scopes = "read:users" in claims["permissions"]
    assert has_scopes == bool(aud)


def test_an_api_that_the_application_may_not_ask_for_stays_out(
    kinde: LocalKinde, front_end: FrontEnd
) -> None:
    kinde.store.add_api("Billing", "billing")

    assert claims_of(front_end.sign_in(audience=f"billing {API}")["access_token"])["aud"] == [API]


@pytest.mark.parametrize(
    ("email", "org_code", "expected", "permissions"),
    [
        (CHARLES, None, ANALYTICAL, ["view:reports"]),
        (CHARLES, DIFFERENCE, DIFFERENCE, [*ALL.split(), "update:roles"]),
        (MARY, None, DIFFERENCE, ["view:reports", "read:users", "create:users", "read:roles"]),
    ],
)
def test_rights_are_those_of_the_organization(
    front_end: FrontEnd, email: str, org_code: str | None, expected: str, permissions: list[str]
) -> None:
    claims = claims_of(front_end.sign_in(email, org_code=org_code)["access_token"])

    assert (claims["org_code"], claims["permissions"]) == (expected, permissions)
    assert claims["feature_flags"]["beta"] == {"t": "b", "v": expected == ANALYTICAL}


def test_a_person_without_an_organization_has_no_claim_of_one(
    kinde: LocalKinde, front_end: FrontEnd
) -> None:
    kinde.store.add_user(email="grace@example.com")
    claims = claims_of(front_end.sign_in("grace@example.com")["access_token"])

    assert not {"org_code", "permissions"} & claims.keys()
    assert claims["roles"] == []


def test_what_a_token_tells_is_the_applications_customization(
    kinde: LocalKinde, front_end: FrontEnd
) -> None:
    client_id = front_end.client["client_id"]
    kinde.store.customize_tokens(client_id, TokenCustomization())
    kinde.store.update_organization(ANALYTICAL, external_id="ext-1")
    plain = claims_of(front_end.sign_in()["access_token"])
    every = TokenCustomization(
        api_scopes_in_permissions=True,
        roles=True,
        email=True,
        org_name=True,
        external_organization_id=True,
    )
    kinde.store.customize_tokens(client_id, every)
    full = claims_of(front_end.sign_in()["access_token"])

    assert plain["permissions"] == ["manage:members", "view:reports"]
    assert not {"roles", "email", "org_name", "external_organization_id"} & plain.keys()
    assert (full["email"], full["org_name"]) == (ADA, "Analytical Engines")
    assert full["external_organization_id"] == "ext-1"


def test_the_hasura_mapping_renames_claims(kinde: LocalKinde, front_end: FrontEnd) -> None:
    kinde.store.set_token_lifetimes(front_end.client["client_id"], is_hasura_mapping_enabled=True)
    claims = claims_of(front_end.sign_in()["access_token"])

    assert claims["x-hasura-org-code"] == ANALYTICAL
    assert "read:users" in claims["x-hasura-permissions"]
    assert not {"org_code", "permissions", "roles", "feature_flags"} & claims.keys()


def test_user_token_is_what_a_sign_in_gives(
    kinde: LocalKinde, http: httpx.Client, front_end: FrontEnd
) -> None:
    for email, org in ((ADA, None), (CHARLES, DIFFERENCE), (MARY, None)):
        signed_in = verified(http, front_end.sign_in(email, org_code=org)["access_token"])
        minted = verified(http, kinde.user_token(email, org=org))
        assert {**minted, "jti": ""} == {**signed_in, "jti": ""}


# Codes


def test_a_code_is_good_once_and_its_second_use_revokes_what_it_gave(
    http: httpx.Client, front_end: FrontEnd
) -> None:
    code = front_end.code()
    given = front_end.redeem(code).json()
    assert is_active(http, given["access_token"])

    assert error_of(front_end.redeem(code)) == (400, "invalid_grant")
    assert not is_active(http, given["access_token"])
    assert error_of(front_end.refresh(given["refresh_token"])) == (400, "invalid_grant")
    assert error_of(front_end.redeem(code)) == (400, "invalid_grant")


@pytest.mark.parametrize(("seconds", "status"), [(59, 200), (60, 400)])
def test_a_code_is_good_for_a_minute_by_local_kindes_clock(
    kinde: LocalKinde, front_end: FrontEnd, seconds: int, status: int
) -> None:
    code = front_end.code()
    kinde.clock.advance(seconds)

    answer = front_end.redeem(code)
    assert answer.status_code == status
    assert answer.json().get("error") == (None if status == 200 else "invalid_grant")


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": None},
        {"code_verifier": "a" * 43},
        {"code_verifier": "short"},
        {"redirect_uri": None},
        {"redirect_uri": "http://localhost:3000"},
        {"code": "x"},
    ],
    ids=repr,
)
def test_a_code_with_another_verifier_or_address_is_refused_and_stays_good(
    front_end: FrontEnd, changes: dict[str, Any]
) -> None:
    code = front_end.code()

    assert error_of(front_end.redeem(**{"code": code, **changes})) == (400, "invalid_grant")
    assert front_end.redeem(code).status_code == 200


def test_a_code_of_another_client_is_refused(front_end: FrontEnd, website: FrontEnd) -> None:
    code = front_end.code()

    assert error_of(website.redeem(code)) == (400, "invalid_grant")
    assert front_end.redeem(code).status_code == 200


def test_a_verifier_without_a_challenge_is_refused(website: FrontEnd) -> None:
    code = website.code(code_challenge=None, code_challenge_method=None)

    assert error_of(website.redeem(code)) == (400, "invalid_grant")


def test_a_missing_code_is_an_invalid_request(front_end: FrontEnd) -> None:
    assert error_of(front_end.redeem("")) == (400, "invalid_request")


def test_a_website_needs_its_secret(website: FrontEnd) -> None:
    code = website.code()

    assert error_of(website.redeem(code, client_secret=None)) == (401, "invalid_client")
    assert website.redeem(code).status_code == 200


def test_a_front_end_gets_no_machine_token(front_end: FrontEnd) -> None:
    form = {"grant_type": "client_credentials", **front_end.client, "audience": API}

    assert error_of(front_end.post(form)) == (400, "unauthorized_client")


@pytest.mark.parametrize("what", ["suspended", "deleted", "left"])
def test_a_person_who_may_not_sign_in_any_more_gets_nothing(
    kinde: LocalKinde, front_end: FrontEnd, what: str
) -> None:
    ada = kinde.people[0].id
    code, given = front_end.code(), front_end.sign_in()
    if what == "suspended":
        kinde.store.update_user(ada, is_suspended=True)
    elif what == "deleted":
        kinde.store.delete_user(ada)
    else:
        kinde.store.remove_member(ANALYTICAL, ada)

    assert error_of(front_end.redeem(code)) == (400, "invalid_grant")
    assert error_of(front_end.refresh(given["refresh_token"])) == (400, "invalid_grant")


# Refresh tokens


def test_a_refresh_rotates_and_gives_the_same_access_token_while_it_is_in_time(
    kinde: LocalKinde, front_end: FrontEnd
) -> None:
    first = front_end.sign_in(nonce="n")
    kinde.clock.advance(100)
    second = front_end.refresh(first["refresh_token"]).json()

    assert second["access_token"] == first["access_token"]
    assert second["expires_in"] == 86_300
    assert second["refresh_token"] != first["refresh_token"]
    assert "nonce" not in claims_of(second["id_token"])
    assert claims_of(second["id_token"])["auth_time"] == NOW


def test_an_expired_access_token_is_replaced_by_a_refresh(
    kinde: LocalKinde, front_end: FrontEnd
) -> None:
    first = front_end.sign_in()
    kinde.clock.advance(86_400)
    second = front_end.refresh(first["refresh_token"]).json()

    assert second["access_token"] != first["access_token"]
    assert claims_of(second["access_token"])["exp"] == NOW + 2 * 86_400


def test_a_refresh_says_what_the_person_holds_now(
    kinde: LocalKinde, http: httpx.Client, front_end: FrontEnd
) -> None:
    store, charles = kinde.store, kinde.people[1].id
    first = front_end.sign_in(CHARLES)
    api = next(each for each in store.apis() if each.audience == API)
    store.add_member_scope(ANALYTICAL, charles, api.scopes[0].id)
    second = front_end.refresh(first["refresh_token"]).json()

    assert claims_of(first["access_token"])["permissions"] == ["view:reports"]
    assert verified(http, second["access_token"])["permissions"] == ["view:reports", "read:users"]


def test_after_a_rotation_of_keys_a_refresh_gives_a_token_that_can_be_verified(
    kinde: LocalKinde, http: httpx.Client, front_end: FrontEnd
) -> None:
    first = front_end.sign_in()
    kinde.rotate_keys()
    second = front_end.refresh(first["refresh_token"]).json()

    assert verified(http, second["access_token"])["sub"] == kinde.people[0].id


def test_a_refresh_token_is_good_a_little_longer_and_its_later_use_ends_the_sign_in(
    kinde: LocalKinde, http: httpx.Client, front_end: FrontEnd
) -> None:
    first = front_end.sign_in()
    second = front_end.refresh(first["refresh_token"]).json()
    kinde.clock.advance(9)
    assert front_end.refresh(first["refresh_token"]).status_code == 200
    kinde.clock.advance(1)

    assert error_of(front_end.refresh(first["refresh_token"])) == (400, "invalid_grant")
    assert error_of(front_end.refresh(second["refresh_token"])) == (400, "invalid_grant")
    assert not is_active(http, first["access_token"])


def test_a_refresh_token_expires(kinde: LocalKinde, front_end: FrontEnd) -> None:
    first = front_end.sign_in()
    kinde.clock.advance(1_296_000)

    assert error_of(front_end.refresh(first["refresh_token"])) == (400, "invalid_grant")


def test_a_refresh_token_of_another_client_is_refused_and_stays_good(
    front_end: FrontEnd, website: FrontEnd
) -> None:
    first = front_end.sign_in()

    assert error_of(website.refresh(first["refresh_token"])) == (400, "invalid_grant")
    assert front_end.refresh(first["refresh_token"]).status_code == 200


def test_a_refresh_cannot_ask_for_more(front_end: FrontEnd) -> None:
    first = front_end.sign_in(scope="openid offline")

    answer = front_end.refresh(first["refresh_token"], scope="openid email")
    assert error_of(answer) == (400, "invalid_scope")
    assert front_end.refresh(first["refresh_token"], scope="openid").status_code == 200


def test_a_revoked_refresh_token_ends_the_sign_in(http: httpx.Client, front_end: FrontEnd) -> None:
    first = front_end.sign_in()
    form = {**front_end.client, "token": first["refresh_token"]}

    answer = http.post("/oauth2/revoke", data=form)
    assert (answer.status_code, answer.content) == (200, b"")
    assert error_of(front_end.refresh(first["refresh_token"])) == (400, "invalid_grant")
    assert not is_active(http, first["access_token"])


def test_a_revoked_access_token_is_not_given_again(http: httpx.Client, front_end: FrontEnd) -> None:
    first = front_end.sign_in()
    http.post("/oauth2/revoke", data={**front_end.client, "token": first["access_token"]})

    second = front_end.refresh(first["refresh_token"]).json()
    assert second["access_token"] != first["access_token"]
    assert is_active(http, second["access_token"])


def test_a_sign_in_outlives_a_restart_on_a_file(tmp_path: Any) -> None:
    file = tmp_path / "kinde.db"
    with LocalKinde(database=file) as first, httpx.Client(base_url=first.issuer) as http:
        port = httpx.URL(first.issuer).port or 0
        given = FrontEnd(http, first.applications[-1].client_id).sign_in()
    with (
        LocalKinde(database=file, port=port) as again,
        httpx.Client(base_url=again.issuer) as http,
    ):
        answer = FrontEnd(http, again.applications[-1].client_id).refresh(given["refresh_token"])
        assert answer.status_code == 200


def test_a_body_that_is_no_form_is_refused(http: httpx.Client) -> None:
    answer = http.post("/oauth2/token", json={"grant_type": "authorization_code"})

    assert_refused(answer, 415, answer.json())
    assert answer.json()["error"] == "invalid_request"


def test_callback_is_an_allowed_address(kinde: LocalKinde) -> None:
    assert CALLBACK in kinde.applications[-1].redirect_uris
