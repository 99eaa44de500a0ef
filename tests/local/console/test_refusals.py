"""Nobody but the console's own pages can change anything, and nobody else can read it."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from kinde_guard.local import Application, Tenant
from kinde_guard.local.console import console_app, console_routes
from kinde_guard.local.console.overview import api_rows, application_rows
from kinde_guard.local.store import Api
from tests.local.console.person import HEADERS, ISSUER, OWN, Person, assert_problem

FOREIGN = (
    "Nothing was changed and nothing was shown: the console follows its own pages only."
    " Open it yourself to go on."
)
STALE = (
    "Nothing was changed: the form is of an earlier session, perhaps from before local Kinde"
    " was restarted. Open the page again and repeat what you did."
)
WRONG_METHOD = "Nothing was changed: changes are made by the buttons of the console's pages."

CHANGES: dict[str, dict[str, str]] = {
    "/applications": {"name": "Mine", "type": "m2m"},
    "/applications/{application}": {"name": "Mine", "lifetime": "60"},
    "/applications/{application}/delete": {},
    "/applications/{application}/apis/{management}/authorise": {},
    "/applications/{application}/apis/{api}/deauthorise": {},
    "/applications/{application}/apis/{api}/scopes": {"was_on": "{scope}"},
    "/applications/{application}/apis/{api}/tokens": {"which": "all"},
    "/apis": {"name": "Mine", "audience": "mine"},
    "/apis/{api}/delete": {},
    "/apis/{api}/scopes": {"key": "read:mine"},
    "/apis/{api}/scopes/{scope}/delete": {},
    "/apis/{api}/document": {"text": '{"openapi": "3.1.0", "paths": {}}'},
    "/apis/{api}/document/forget": {},
    "/tokens/{token}/document": {"text": '{"openapi": "3.1.0", "paths": {}}'},
    "/rehearse/keys": {"keep_old": "no"},
    "/rehearse/faults": {
        "endpoint": "jwks",
        "what": "status",
        "status": "500",
        "seconds": "1",
        "size": "1",
    },
    "/rehearse/faults/recover": {},
    "/rehearse/clock": {"do": "freeze"},
}
"""Forms of the console, filled in so that they would be done."""

OTHERS = [
    "/applications/{application}/addresses",
    "/applications/{application}/customization",
    "/applications/{application}/secret",
    "/people",
    "/people/{person}",
    "/people/{person}/suspend",
    "/people/{person}/delete",
    "/people/{person}/organizations",
    "/people/{person}/flags",
    "/people/{person}/organizations/{organization}",
    "/people/{person}/organizations/{organization}/leave",
    "/people/{person}/tokens",
    "/organizations",
    "/organizations/{organization}",
    "/organizations/{organization}/members",
    "/organizations/{organization}/flags",
    "/organizations/{organization}/delete",
    "/roles",
    "/roles/{role}",
    "/roles/{role}/rights",
    "/roles/{role}/delete",
    "/permissions",
    "/permissions/{permission}",
    "/permissions/{permission}/delete",
    "/flags",
    "/flags/value",
    "/flags/delete",
    "/keys",
    "/keys/{key}/rotate",
    "/keys/{key}/revoke",
    "/webhooks",
    "/webhooks/send",
    "/webhooks/deliver",
    "/webhooks/{webhook}/delete",
]
"""The other forms: test_people.py and test_keys_flags_webhooks.py fill them in and send them."""

FORMS = [*CHANGES, *OTHERS]


class Scene:
    """A tenant as it is, to be compared with what it is after a refusal."""

    def __init__(self, tenant: Tenant, application: Application, api: Api, management: Api) -> None:
        self._tenant = tenant
        self._names = {
            "application": application.client_id,
            "api": api.id,
            "management": management.id,
            "scope": api.scopes[0].id,
            "token": "x",
            "person": tenant.store.users()[0].id,
            "organization": tenant.store.organizations()[0].code,
            "role": tenant.store.roles()[0].id,
            "permission": tenant.store.permissions()[0].id,
            "key": "x",
            "webhook": "x",
        }

    def fill(self, text: str) -> str:
        return text.format(**self._names) if "{" in text and '"' not in text else text

    def fields(self, path: str) -> dict[str, str]:
        return {name: self.fill(value) for name, value in CHANGES.get(path, {}).items()}

    def state(self) -> tuple[Any, ...]:
        tenant = self._tenant
        return (
            application_rows(tenant.store),
            api_rows(tenant.store),
            tenant.store.snapshot(),
            (tenant.webhooks.all, tenant.webhooks.deliveries),
            [key.kid for key in tenant.keys.keys],
            tenant.faults.active,
            (tenant.clock(), tenant.clock.is_frozen),
        )


@pytest.fixture
def scene(tenant: Tenant, back_office: Application, users_api: Api, management_api: Api) -> Scene:
    return Scene(tenant, back_office, users_api, management_api)


def routes(tenant: Tenant) -> list[Any]:
    return list(console_app(tenant).app.app.routes)  # type: ignore[attr-defined]


def test_the_list_of_forms_is_the_whole_list(tenant: Tenant) -> None:
    posts = [route for route in routes(tenant)[:-1] if "POST" in route.methods]
    shapes = {path.count("/") for path in FORMS}

    assert len(posts) == len(FORMS)
    assert shapes == {route.path.count("/") for route in posts}
    assert all(route.methods in ({"POST"}, {"GET", "HEAD"}) for route in routes(tenant)[:-1])


# A form about a token needs one: see test_tokens.py.
@pytest.mark.parametrize("path", [path for path in CHANGES if not path.startswith("/tokens")])
def test_the_form_is_done_when_it_comes_from_the_console(
    person: Person, scene: Scene, path: str
) -> None:
    answer = person.send(scene.fill(path), **scene.fields(path))

    assert answer.status_code == 303


ELSEWHERE: list[dict[str, str]] = [
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-site"},
    {"Origin": "http://127.0.0.1:8000"},
    {"Origin": "https://127.0.0.1:8787"},
    {"Origin": "http://localhost:8787"},
    {"Origin": "null"},
    {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    {"Origin": ISSUER, "Sec-Fetch-Site": "cross-site"},
    {"Origin": ISSUER, "Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": ""},
    {},
]


@pytest.mark.parametrize("path", FORMS)
def test_a_form_from_elsewhere_is_403_and_changes_nothing(
    person: Person, scene: Scene, path: str
) -> None:
    before = scene.state()

    for headers in ELSEWHERE:
        answer = person.send_from(headers, scene.fill(path), **scene.fields(path))
        assert_problem(answer, 403, FOREIGN)

    assert scene.state() == before


@pytest.mark.parametrize("path", FORMS)
def test_a_form_without_the_sessions_token_is_403_and_changes_nothing(
    person: Person, scene: Scene, path: str
) -> None:
    person.open("/")
    before = scene.state()

    for token in (None, "", "0" * 64, "é", "\x00"):
        answer = person.send(scene.fill(path), csrf_token=token, **scene.fields(path))
        assert_problem(answer, 403, STALE)

    assert scene.state() == before


@pytest.mark.parametrize("path", FORMS)
def test_the_token_of_another_session_is_403(
    app: Starlette, person: Person, scene: Scene, path: str
) -> None:
    before = scene.state()
    person.open("/")

    answer = person.send(scene.fill(path), csrf_token=Person(app).csrf_token, **scene.fields(path))

    assert_problem(answer, 403, STALE)
    assert scene.state() == before


def test_the_token_without_its_cookie_is_403(person: Person, scene: Scene) -> None:
    token = person.csrf_token
    person.client.cookies.clear()

    answer = person.send("/applications", csrf_token=token, name="Mine", type="m2m")

    assert_problem(answer, 403, STALE)


def test_the_token_of_an_earlier_run_is_403(tenant: Tenant, person: Person) -> None:
    later = Person(Starlette(routes=console_routes(tenant)))
    person.open("/")
    later.client.cookies = person.client.cookies

    answer = later.send("/applications", csrf_token=person.csrf_token, name="Mine", type="m2m")

    assert_problem(answer, 403, STALE)


PAGES = {
    "/applications/{application}",
    "/people",
    "/people/{person}",
    "/organizations",
    "/organizations/{organization}",
    "/roles",
    "/roles/{role}",
    "/flags",
    "/keys",
    "/webhooks",
}
"""The forms whose address is a page's too."""


@pytest.mark.parametrize("path", [path for path in FORMS if path != "/apis"])
def test_another_method_changes_nothing(person: Person, scene: Scene, path: str) -> None:
    before = scene.state()
    fields = {"csrf_token": person.csrf_token, **scene.fields(path)}

    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = person.client.request(
            method, f"/console{scene.fill(path)}", params=fields, headers=OWN
        )
        if method == "GET" and path in PAGES:
            assert answer.status_code == 200
        else:
            assert_problem(answer, 405, WRONG_METHOD)

    assert scene.state() == before


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "odd"])
@pytest.mark.parametrize("path", ["/", "/apis", "/rehearse", "/static/console.css", "/nothing"])
def test_a_page_asked_for_by_another_site_is_403_and_starts_no_session(
    person: Person, path: str, site: str
) -> None:
    answer = person.open(path, **{"Sec-Fetch-Site": site})

    assert_problem(answer, 403, FOREIGN)
    assert "csrf_token" not in answer.text
    assert "Back office" not in answer.text


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_a_page_asked_for_by_the_person_or_the_console_is_shown(person: Person, site: str) -> None:
    assert person.open("/", **{"Sec-Fetch-Site": site}).status_code == 200


def test_the_cookie_is_for_the_console_alone(person: Person) -> None:
    cookie = person.open("/").headers["set-cookie"]

    name_and_value, *attributes = cookie.split("; ")
    assert name_and_value.startswith("local_kinde_console_8787=")
    assert len(name_and_value.partition("=")[2]) == 43
    assert sorted(attributes) == ["HttpOnly", "Path=/console/", "SameSite=strict"]
    assert "set-cookie" not in person.open("/").headers


def test_over_https_the_cookie_is_secure() -> None:
    issuer = "https://127.0.0.1:8787"
    with Tenant.open(issuer) as tenant:
        page = TestClient(console_app(tenant), base_url=issuer).get("/")

    assert "; Secure" in page.headers["set-cookie"]


@pytest.mark.parametrize("planted", ["", "x", "../" * 20, "é" * 43, "a" * 44])
def test_a_cookie_that_is_none_of_ours_is_replaced(person: Person, planted: str) -> None:
    cookie = f"local_kinde_console_8787={planted}".encode()

    page = person.client.get("/console/", headers={b"Cookie": cookie})

    assert page.status_code == 200
    assert "local_kinde_console_8787=" in page.headers["set-cookie"]


@pytest.mark.parametrize(
    "path", ["/", "/apis", "/rehearse", "/static/console.js", "/static/none", "/none", "/tokens/x"]
)
def test_every_answer_carries_the_headers(person: Person, path: str) -> None:
    answer = person.open(path)

    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "access-control-allow-origin" not in answer.headers


def test_a_redirect_carries_the_headers(person: Person) -> None:
    answer = person.send("/rehearse/faults/recover")

    assert answer.status_code == 303
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_a_failure_is_a_page_that_says_so_and_no_traceback(
    person: Person, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("secret of the machine")

    monkeypatch.setattr(tenant.store, "applications", broken)
    answer = person.open("/")

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "Something went wrong in local Kinde" in answer.text
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", ["/", "/console"])
def test_the_short_addresses_lead_to_the_console(person: Person, path: str) -> None:
    answer = person.client.get(path)

    assert (answer.status_code, answer.headers["location"]) == (307, "/console/")
