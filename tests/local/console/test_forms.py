"""Any body whatever: 400, 413, 415 or 422 with a page, never 500."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinde_guard.local import Tenant
from tests.local.console.person import OWN, Person, assert_problem

FORM = {**OWN, "Content-Type": "application/x-www-form-urlencoded"}
BROKEN = "The form is broken. Go back, reload the page and try again."
LARGE = "Nothing was changed: the form holds more than the console takes."
NOT_A_FORM = "Nothing was changed: the console reads URL-encoded forms in UTF-8 only."


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "multipart/form-data; boundary=x", "text/plain"]
)
def test_another_content_type_is_415(person: Person, content_type: str) -> None:
    body = urlencode({"csrf_token": person.csrf_token, "name": "Mine", "type": "m2m"})

    answer = person.client.post(
        "/console/applications", content=body, headers={**OWN, "Content-Type": content_type}
    )

    assert_problem(answer, 415, NOT_A_FORM)


def test_a_huge_form_is_413_and_nothing_is_written(tenant: Tenant, person: Person) -> None:
    before = tenant.store.applications()
    fields = {"csrf_token": person.csrf_token, "name": "Mine", "type": "m2m"}
    body = urlencode({**fields, "padding": "x" * 70_000})

    answer = person.client.post("/console/applications", content=body, headers=FORM)

    assert_problem(answer, 413, LARGE)
    assert tenant.store.applications() == before


def test_a_huge_document_is_413(person: Person, tenant: Tenant) -> None:
    api = next(api for api in tenant.store.apis() if not api.is_management_api)
    body = b"text=" + b"x" * 4_000_000

    answer = person.client.post(f"/console/apis/{api.id}/document", content=body, headers=FORM)

    assert_problem(answer, 413, LARGE)


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a=%ff", b"a=%c3%28", b"&".join([b"a=b"] * 2001)])
def test_bytes_that_are_no_form_are_400(person: Person, body: bytes) -> None:
    answer = person.client.post("/console/applications", content=body, headers=FORM)

    assert_problem(answer, 400, BROKEN)


@pytest.mark.parametrize("field", ["csrf_token", "name", "type"])
def test_a_field_given_twice_is_400(person: Person, field: str) -> None:
    fields = {"csrf_token": person.csrf_token, "name": "Mine", "type": "m2m"}
    body = urlencode([*fields.items(), (field, fields[field])])

    answer = person.client.post("/console/applications", content=body, headers=FORM)

    assert_problem(answer, 400, BROKEN)


FIELDS = ["name", "type", "audience", "key", "description", "url", "text", "scope", "was_on"]
FIELDS += ["which", "lifetime", "amount", "unit", "do", "endpoint", "what", "status", "seconds"]


def test_any_text_in_any_field_is_answered_and_never_500(person: Person, tenant: Tenant) -> None:
    client_id = tenant.store.applications()[0].client_id
    api_id = next(api.id for api in tenant.store.apis() if not api.is_management_api)
    api = f"/applications/{client_id}/apis/{api_id}"
    paths = ["/applications", f"/applications/{client_id}", f"{api}/scopes", f"{api}/tokens"]
    paths += ["/apis", f"/apis/{api_id}/scopes", f"/apis/{api_id}/document"]
    paths += ["/rehearse/faults", "/rehearse/clock", "/tokens/x/document"]
    values = st.text(st.characters(exclude_categories=["Cs"]), max_size=70)
    values |= st.sampled_from(["m2m", "chosen", "forward", "hours", "jwks", "status", "1", "-1e9"])

    @settings(suppress_health_check=[HealthCheck.too_slow], max_examples=80)
    @given(path=st.sampled_from(paths), fields=st.dictionaries(st.sampled_from(FIELDS), values))
    def answers(path: str, fields: dict[str, str]) -> None:
        answer = person.send(path, **{name: text for name, text in fields.items() if name != "url"})
        assert answer.status_code in {303, 404, 422}

    answers()
    assert person.open("/").status_code == person.open("/apis").status_code == 200
