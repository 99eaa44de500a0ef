"""The audience of the Management API at the token endpoint, in every spelling clients use."""

from __future__ import annotations

import httpx
import pytest

from kinde_guard.local import Application, LocalKinde
from kinde_guard.local.management_audience import management_audiences
from tests.local.clients import API, UNAUTHORIZED, ask, assert_refused, verified

SPELLINGS = ["{issuer}/api", "{issuer}/api/v1", "https://{host}/api", "https://http://{host}/api"]


@pytest.fixture
def management(kinde: LocalKinde) -> Application:
    assert kinde.management is not None
    return kinde.management


def spelled(kinde: LocalKinde, spelling: str) -> str:
    return spelling.format(issuer=kinde.issuer, host=kinde.issuer.removeprefix("http://"))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_each_spelling_gives_the_same_scopes_and_stands_in_the_token_as_asked_for(
    kinde: LocalKinde, http: httpx.Client, management: Application, spelling: str
) -> None:
    audience = spelled(kinde, spelling)
    answer = ask(http, management, audience=audience, scope="")

    assert answer.status_code == 200
    claims = verified(http, answer.json()["access_token"])
    assert claims["aud"] == [audience]
    assert tuple(claims["scope"].split()) == management.apis[0].scopes
    assert {"read:apis", "create:api_scopes", "delete:apis_application_scopes"} <= set(
        claims["scp"]
    )


def test_several_spellings_at_once_are_one_api(
    kinde: LocalKinde, http: httpx.Client, management: Application
) -> None:
    audiences = [spelled(kinde, spelling) for spelling in SPELLINGS]
    answer = ask(http, management, audience=audiences, scope="read:apis")

    assert answer.json()["scope"] == "read:apis"
    assert verified(http, answer.json()["access_token"])["aud"] == audiences


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_application_that_may_not_manage_is_refused_in_each_spelling(
    kinde: LocalKinde, http: httpx.Client, back_office: Application, spelling: str
) -> None:
    audience = spelled(kinde, spelling)
    assert_refused(
        ask(http, back_office, audience=audience),
        400,
        {
            "error": "unauthorized_client",
            "error_description": (
                f"{UNAUTHORIZED} The application is not authorized for '{audience}'."
            ),
        },
    )


@pytest.mark.parametrize(
    "spelling", ["{issuer}", "{issuer}/api/", "{issuer}/API", "{issuer}/api/v2", "management"]
)
def test_what_nobody_calls_it_is_refused(
    kinde: LocalKinde, http: httpx.Client, management: Application, spelling: str
) -> None:
    answer = ask(http, management, audience=spelled(kinde, spelling))

    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


def test_the_management_application_is_not_among_the_applications(
    kinde: LocalKinde, management: Application
) -> None:
    names = [each.name for each in kinde.applications]
    assert names == ["Back office", "Reporting", "Website", "Front end"]
    assert [access.audience for access in management.apis] == [kinde.management_audience]
    assert all(access.audience == API for each in kinde.applications for access in each.apis)


def test_over_https_no_spelling_is_needed_but_kindes_two() -> None:
    assert management_audiences("https://127.0.0.1:8787") == (
        "https://127.0.0.1:8787/api",
        "https://127.0.0.1:8787/api/v1",
    )


def test_the_audience_follows_the_issuer_when_a_file_is_served_elsewhere(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = tmp_path_factory.mktemp("tenant") / "kinde.db"
    with LocalKinde(database=file) as one, LocalKinde(database=file) as other:
        for kinde in (one, other):
            assert kinde.management is not None
            with httpx.Client(base_url=kinde.issuer) as http:
                audience = kinde.management_audience
                assert audience == f"{kinde.issuer}/api"
                assert ask(http, kinde.management, audience=audience).status_code == 200
