from __future__ import annotations

import re
from typing import Any

import httpx
import jwt
import pytest

from kinde_guard.local import FRONT_END_CLIENT_ID, OMIT, Application, LocalKinde
from tests.local.clients import ALL, API, NOW, ask, verified


def test_a_token_by_default_is_the_one_that_the_token_endpoint_would_give(
    kinde: LocalKinde, http: httpx.Client, back_office: Application
) -> None:
    minted = verified(http, kinde.token())
    asked = verified(http, ask(http, back_office, audience=kinde.audience).json()["access_token"])

    assert list(minted) == list(asked)
    assert {**minted, "jti": ""} == {**asked, "jti": ""}


@pytest.mark.parametrize(
    ("scopes", "held"),
    [
        (["read:users"], ["read:users"]),
        ("read:users fly", ["read:users", "fly"]),
        (iter(["a", "b"]), ["a", "b"]),
        ([], []),
        ("", []),
        (None, ALL.split()),
    ],
)
def test_the_scopes_of_a_token_are_the_ones_given(
    kinde: LocalKinde, http: httpx.Client, scopes: Any, held: list[str]
) -> None:
    claims = verified(http, kinde.token(scopes))

    assert (claims["scope"], claims["scp"]) == (" ".join(held), held)


@pytest.mark.parametrize(
    ("audience", "aud"), [(None, [API]), ("x", ["x"]), (["x", "y"], ["x", "y"]), ((), [])]
)
def test_the_audience_of_a_token_is_always_a_list(
    kinde: LocalKinde, http: httpx.Client, audience: Any, aud: list[str]
) -> None:
    assert verified(http, kinde.token(audience=audience))["aud"] == aud


def test_a_client_id_chooses_the_application_and_its_scopes(
    kinde: LocalKinde, http: httpx.Client, reporting: Application
) -> None:
    claims = verified(http, kinde.token(client_id=reporting.client_id))

    assert (claims["azp"], claims["scope"]) == (reporting.client_id, "read:users read:roles")


def test_a_client_id_that_nobody_has_stands_in_azp_all_the_same(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    claims = verified(http, kinde.token(client_id="ghost"))

    assert (claims["azp"], claims["scope"]) == ("ghost", ALL)


def test_any_claim_can_be_changed_set_to_null_added_or_left_out(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    claims = verified(http, kinde.token(iss=5, exp=None, jti=OMIT, scp=kinde.OMIT, extra=[1]))

    assert (claims["iss"], claims["exp"], claims["extra"]) == (5, None, [1])
    assert not {"jti", "scp"} & set(claims)
    assert repr(OMIT) == "OMIT"


@pytest.mark.parametrize("expires_in", [0, -60])
def test_an_expired_token_was_issued_a_lifetime_before_its_end(
    kinde: LocalKinde, http: httpx.Client, expires_in: int
) -> None:
    claims = verified(http, kinde.token(expires_in=expires_in))

    assert (claims["exp"], claims["iat"]) == (NOW + expires_in, NOW + expires_in - 86_400)


def test_a_users_token_has_a_subject_and_its_scopes_in_scp_only(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    claims = verified(http, kinde.user_token())

    assert re.fullmatch("kp_[0-9a-f]{32}", claims["sub"])
    assert re.fullmatch("[0-9a-f]{32}", claims["azp"])
    assert claims == {
        "aud": [API],
        "azp": claims["azp"],
        "exp": NOW + 86_400,
        "iat": NOW,
        "iss": kinde.issuer,
        "jti": claims["jti"],
        "scp": ["openid", "profile", "email", "offline"],
        "sub": claims["sub"],
    }


def test_a_users_token_says_what_it_was_told_to(kinde: LocalKinde, http: httpx.Client) -> None:
    raw = kinde.user_token(
        "openid read:users",
        audience=(),
        client_id="f" * 32,
        subject="kp_1",
        org_code="org_1",
        permissions=["x"],
        expires_in=60,
        email="ada@example.com",
    )
    claims = verified(http, raw)

    assert claims == {
        "aud": [],
        "azp": "f" * 32,
        "email": "ada@example.com",
        "exp": NOW + 60,
        "iat": NOW,
        "iss": kinde.issuer,
        "jti": claims["jti"],
        "org_code": "org_1",
        "permissions": ["x"],
        "scp": ["openid", "read:users"],
        "sub": "kp_1",
    }


def test_an_id_token_names_the_issuer_as_audience_and_has_no_scopes(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    claims = verified(http, kinde.id_token(client_id="f" * 32, nonce="n"))

    assert claims["aud"] == [kinde.issuer, "f" * 32]
    assert (claims["exp"], claims["iat"], claims["nonce"]) == (NOW + 3_600, NOW, "n")
    assert not {"scope", "scp", "gty"} & set(claims)


def test_a_forged_token_has_the_right_key_id_and_a_strangers_signature(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    forged, true = kinde.forged_token(["read:users"]), kinde.token(["read:users"])

    assert jwt.get_unverified_header(forged) == jwt.get_unverified_header(true)
    assert verified(http, true)["scope"] == "read:users"
    with pytest.raises(jwt.InvalidSignatureError):
        verified(http, forged)


def test_authorization_is_the_header_that_carries_a_token(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    header = kinde.authorization(scopes=["read:users"], extra=1)

    assert list(header) == ["Authorization"]
    scheme, raw = header["Authorization"].split(" ")
    claims = verified(http, raw)
    assert (scheme, claims["scope"], claims["extra"]) == ("Bearer", "read:users", 1)


def test_the_clock_is_read_for_every_token() -> None:
    times = iter([100.9, 200.0])
    with LocalKinde(clock=lambda: next(times)) as kinde:
        issued = [
            jwt.decode(kinde.token(), options={"verify_signature": False})["iat"] for _ in range(2)
        ]

    assert issued == [100, 200]


# People


def test_a_persons_token_says_what_their_sign_in_would(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    ada = kinde.people[0]
    tokens = [kinde.user_token(who) for who in (ada, "ada@example.com", "ADA@Example.com", ada.id)]

    claims = [{**verified(http, token), "jti": ""} for token in tokens]
    assert claims == [claims[0]] * 4
    assert (claims[0]["sub"], claims[0]["org_code"]) == (ada.id, "org_1ccfb819462")
    assert claims[0]["azp"] == FRONT_END_CLIENT_ID
    assert "update:users" in claims[0]["permissions"]


def test_a_persons_token_is_for_the_organization_that_was_chosen(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    first, second = kinde.people[1].organizations
    tokens = [
        kinde.user_token("charles@example.com"),
        kinde.user_token("charles@example.com", org=second),
        kinde.user_token("charles@example.com", org_code=second),
    ]

    codes = [verified(http, token)["org_code"] for token in tokens]
    assert codes == [first, second, second]


@pytest.mark.parametrize(
    ("person", "org"),
    [
        ("nobody@example.com", None),
        ("kp_nobody", None),
        ("ada@example.com", "org_7b2e9d04f31"),
        ("ada@example.com", "org_none"),
    ],
)
def test_a_person_who_could_not_sign_in_so_gets_no_token(
    kinde: LocalKinde, person: str, org: str | None
) -> None:
    with pytest.raises(ValueError, match=r"no person|does not belong to"):
        kinde.user_token(person, org=org)


@pytest.mark.parametrize("person", [None, "ada@example.com"])
def test_what_a_token_says_of_rights_can_be_overridden(
    kinde: LocalKinde, http: httpx.Client, person: str | None
) -> None:
    raw = kinde.user_token(
        person,
        scopes=["openid"],
        permissions=["read:users"],
        roles=["admin", "pilot"],
        features={"beta": False, "seats": 7, "theme": "red"},
        sub="kp_1",
        email=OMIT,
    )
    claims = verified(http, raw)

    admin = next(role for role in kinde.store.roles() if role.key == "admin")
    assert claims["roles"] == [
        {"id": admin.id, "key": "admin", "name": "Administrator"},
        {"id": claims["roles"][1]["id"], "key": "pilot", "name": "pilot"},
    ]
    assert claims["feature_flags"] == {
        "beta": {"t": "b", "v": False},
        "seats": {"t": "i", "v": 7},
        "theme": {"t": "s", "v": "red"},
    }
    assert (claims["scp"], claims["permissions"], claims["sub"]) == (
        ["openid"],
        ["read:users"],
        "kp_1",
    )


def test_an_audience_that_was_not_authorized_stays_out_as_at_a_sign_in(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    claims = verified(http, kinde.user_token("ada@example.com", audience=["x", API]))

    assert claims["aud"] == [API]


def test_people_and_applications_are_what_the_tenant_has(kinde: LocalKinde) -> None:
    assert [(each.email, each.organizations) for each in kinde.people] == [
        ("ada@example.com", ("org_1ccfb819462",)),
        ("charles@example.com", ("org_1ccfb819462", "org_7b2e9d04f31")),
        ("mary@example.com", ("org_7b2e9d04f31",)),
    ]
    assert [(each.name, each.type, each.client_secret is None) for each in kinde.applications] == [
        ("Back office", "m2m", False),
        ("Reporting", "m2m", False),
        ("Website", "reg", False),
        ("Front end", "spa", True),
    ]
