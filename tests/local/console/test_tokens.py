"""Test tokens: got by the token endpoint's own rules, shown to the session that asked, decoded."""

from __future__ import annotations

import html
import re
import shlex

import pytest
from httpx2 import Response
from starlette.applications import Starlette

from kinde_guard.local import AUDIENCE, Application, Tenant
from kinde_guard.local.store import Api
from tests.local.console.conftest import NOW
from tests.local.console.person import ISSUER, Person, assert_problem, notice

EVERY = ["read:users", "create:users", "update:users", "delete:users", "read:roles", "update:roles"]
GONE = (
    "This token is not shown any more: the console keeps the last few, for the browser"
    " that asked for them, until local Kinde stops. Get a new one."
)


def path_of(application: Application, api: Api) -> str:
    return f"/applications/{application.client_id}/apis/{api.id}/tokens"


def got(person: Person, application: Application, api: Api, **fields: object) -> Response:
    """The page of a token that was just got."""
    answer = person.send(path_of(application, api), **{"which": "all", **fields})
    assert answer.status_code == 303, notice(answer)
    return person.open(answer.headers["location"].removeprefix("/console"))


def block(page: Response, name: str) -> str:
    found = re.search(f'<pre id="{name}"[^>]*>(.*?)</pre>', page.text, re.DOTALL)
    assert found
    return html.unescape(found[1])


def listed(page: Response, label: str) -> list[str]:
    found = re.search(f'<ul class="chips" aria-label="{label}">(.*?)</ul>', page.text)
    return re.findall(r"<code[^>]*>(.*?)</code>", found[1]) if found else []


def test_a_token_holds_all_that_is_on(
    person: Person, tenant: Tenant, back_office: Application, users_api: Api
) -> None:
    page = got(person, back_office, users_api)

    claims = tenant.keys.read(block(page, "raw"))
    assert claims is not None
    assert {**claims, "jti": None} == {
        "aud": [AUDIENCE],
        "azp": back_office.client_id,
        "exp": NOW + 86_400,
        "gty": ["client_credentials"],
        "iat": NOW,
        "iss": ISSUER,
        "jti": None,
        "scope": " ".join(EVERY),
        "scp": EVERY,
        "v": "2",
    }
    assert listed(page, "Scopes in the token") == EVERY
    assert listed(page, "Scopes that the token lacks") == []
    assert "for 1 day." in page.text
    assert '"gty": [' in block(page, "payload")
    assert '"alg": "RS256"' in block(page, "header")


def test_a_token_holds_the_chosen_scopes_only(
    person: Person, back_office: Application, users_api: Api
) -> None:
    page = got(person, back_office, users_api, which="chosen", scope=["read:roles", "read:users"])

    assert sorted(listed(page, "Scopes in the token")) == ["read:roles", "read:users"]
    assert listed(page, "Scopes that the token lacks") == EVERY[1:4] + EVERY[5:]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"which": "chosen"},
            "Choose at least one scope for the token, or ask for all that are on.",
        ),
        (
            {"which": "chosen", "scope": ["delete:everything"]},
            "The token endpoint refused, with the error invalid_scope:",
        ),
    ],
)
def test_a_token_that_cannot_be_had_is_422(
    person: Person,
    back_office: Application,
    users_api: Api,
    fields: dict[str, object],
    sentence: str,
) -> None:
    answer = person.send(path_of(back_office, users_api), **fields)

    assert answer.status_code == 422
    assert notice(answer).startswith(sentence)
    assert 'value="chosen" checked' in answer.text


def test_an_application_that_is_no_machine_gets_no_token(
    person: Person, tenant: Tenant, users_api: Api
) -> None:
    website = next(each for each in tenant.store.applications() if each.type == "reg")
    tenant.store.authorise(website.client_id, users_api.id)

    answer = person.send(path_of(website, users_api), which="all")

    assert answer.status_code == 422
    assert "unauthorized_client" in notice(answer)
    assert "Get token" not in person.open(f"/applications/{website.client_id}").text


def test_an_api_without_access_gives_no_token(
    person: Person, back_office: Application, management_api: Api
) -> None:
    answer = person.send(path_of(back_office, management_api), which="all")

    assert answer.status_code == 422
    assert "unauthorized_client" in notice(answer)


def test_a_token_without_any_scope_says_so(
    person: Person, tenant: Tenant, back_office: Application, users_api: Api
) -> None:
    tenant.store.replace_grants(back_office.client_id, users_api.id, [])

    page = got(person, back_office, users_api)

    assert "No scope at all" in page.text
    assert listed(page, "Scopes that the token lacks") == EVERY


def test_another_session_does_not_see_the_token(
    app: Starlette, person: Person, back_office: Application, users_api: Api
) -> None:
    page = got(person, back_office, users_api)
    stranger = Person(app)
    stranger.open("/")

    path = page.url.path.removeprefix("/console")
    assert_problem(stranger.open(path), 404, GONE)
    assert_problem(stranger.send(f"{path}/document", text="{}"), 404, GONE)
    assert_problem(person.open(f"{path}x"), 404, GONE)


def test_the_last_few_tokens_are_kept(
    person: Person, back_office: Application, users_api: Api
) -> None:
    first, *rest = [got(person, back_office, users_api).url.path for _ in range(17)]

    assert person.open(first.removeprefix("/console")).status_code == 404
    assert all(person.open(path.removeprefix("/console")).status_code == 200 for path in rest)


def test_a_token_outlives_its_application_and_its_api(
    person: Person, tenant: Tenant, back_office: Application, users_api: Api
) -> None:
    page = got(person, back_office, users_api)
    tenant.store.delete_application(back_office.client_id)
    tenant.store.delete_api(users_api.id)

    again = person.open(page.url.path.removeprefix("/console"))

    assert again.status_code == 200
    assert "a deleted application" in again.text
    assert block(again, "raw") == block(page, "raw")


def test_an_expired_token_is_called_expired(
    person: Person, tenant: Tenant, back_office: Application, users_api: Api
) -> None:
    page = got(person, back_office, users_api)
    tenant.clock.advance(86_400)

    again = person.open(page.url.path.removeprefix("/console"))

    assert "it has expired" in again.text


def test_the_command_asks_for_such_a_token(
    person: Person, back_office: Application, users_api: Api
) -> None:
    command = shlex.split(block(got(person, back_office, users_api), "ask"))

    assert command[:2] == ["curl", f"{ISSUER}/oauth2/token"]
    assert command[3::2] == [
        "grant_type=client_credentials",
        f"client_id={back_office.client_id}",
        f"client_secret={back_office.client_secret}",
        f"audience={AUDIENCE}",
        f"scope={' '.join(EVERY)}",
    ]
    assert set(command[2::2]) == {"--data-urlencode"}


def test_a_management_token_shows_every_operation_of_the_management_api(
    person: Person, tenant: Tenant, management_api: Api
) -> None:
    application = tenant.store.management_application()
    assert application is not None

    page = got(person, application, management_api, which="chosen", scope=["read:apis"])

    assert len(re.findall('<span class="verdict', page.text)) == 184
    assert page.text.count('<span class="verdict open">opens</span>') == 2
    command = shlex.split(block(page, "call"))
    assert command[:3] == ["curl", "-i", f"{ISSUER}/api/v1/apis"]


DOCUMENT = """{"openapi": "3.1.0", "paths": {
 "/users": {"get": {"summary": "<i>List</i>", "security": [{"a": ["read:users"]}]}},
 "/users/{id}": {"put": {"security": [{"a": ["update:users"]}]}}}}"""


def test_a_document_says_what_the_token_opens_and_stays_for_the_next_token(
    person: Person, back_office: Application, users_api: Api
) -> None:
    page = got(person, back_office, users_api, which="chosen", scope=["read:users"])
    path = page.url.path.removeprefix("/console")

    said = person.done(f"{path}/document", text=DOCUMENT)
    page = person.open(path)
    other = got(person, back_office, users_api, which="chosen", scope=["update:users"])

    verdicts = r'<span class="verdict \w+">(.*?)</span>'
    assert said == "2 endpoints were read."
    assert re.findall(verdicts, page.text) == ["opens", "403"]
    assert re.findall(verdicts, other.text) == ["403", "opens"]
    assert "&lt;i&gt;List" in page.text
    assert "http://127.0.0.1:8000/users -H" in block(page, "call")
    assert "-g -X PUT 'http://127.0.0.1:8000/users/{id}' -H" in block(other, "call")
    assert person.done(f"/apis/{users_api.id}/document/forget") == "The document was forgotten."
    assert "verdict" not in person.open(path).text


def test_a_document_that_cannot_be_read_is_422_and_the_form_keeps_it(
    person: Person, back_office: Application, users_api: Api
) -> None:
    path = got(person, back_office, users_api).url.path.removeprefix("/console")

    for where in (f"{path}/document", f"/apis/{users_api.id}/document"):
        answer = person.send(where, text="{<b>}", url="")
        assert answer.status_code == 422
        assert notice(answer) == "The document is not JSON, or is nested too deeply."
        assert "{&lt;b&gt;}</textarea>" in answer.text
