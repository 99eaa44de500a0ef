"""What schemathesis makes of the OpenAPI document: good and bad requests to every endpoint.

With every scope in hand no answer is a 5xx, but for the 501 of an endpoint that is not here, and
each is as documented; with none in hand nothing but 401 and 403 comes from behind a scope. Half of
the requests name what exists, so that they come further than to "there is no such thing".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final, cast

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.python import asgi
from schemathesis.specs.openapi import checks

from kinde_guard.local import Tenant
from kinde_guard.local.management import Endpoint, endpoints, implemented, not_implemented
from tests.local.management.callers import ISSUER, Caller

AS_DOCUMENTED = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.allow_header_conformance,
]
EXAMPLES: Final = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "6"))
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]

by_operation = pytest.mark.parametrize("mode", MODES, ids=["good", "bad"])


def bounded(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )


@pytest.fixture(scope="module")
def schema(app: FastAPI) -> Any:
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)


@pytest.fixture(scope="module")
def session(app: FastAPI) -> Iterator[Any]:
    """One client for all requests: schemathesis would start one for each."""
    with asgi.get_client(cast("Any", app)) as client:
        yield client


@pytest.fixture
def what_exists(tenant: Tenant) -> dict[str, str]:
    """The parameters of paths and queries, each with an id that means something."""
    store = tenant.store
    api = next(api for api in store.apis() if not api.is_management_api)
    key, _ = store.add_api_key("Mine", api.id, type="environment")
    return {
        "api_id": api.id,
        "scope_id": api.scopes[0].id if api.scopes else "",
        "application_id": store.add_application("Mine").client_id,
        "org_code": store.add_organization("Mine").code,
        "code": "org_1ccfb819462",
        "id": store.add_user().id,
        "role_id": store.roles()[0].id if store.roles() else "",
        "permission_id": store.add_permission(key.id, "Mine").id,
        "key_id": key.id,
    }


def name_what_exists(case: Any, ids: dict[str, str]) -> None:
    for parameters in (case.path_parameters, case.query):
        for name in set(parameters or {}) & set(ids):
            parameters[name] = ids[name]


@by_operation
@pytest.mark.parametrize("row", implemented(), ids=lambda row: row.operation_id)
def test_with_every_scope_each_answer_is_as_documented(
    schema: Any,
    session: Any,
    admin: Caller,
    what_exists: dict[str, str],
    row: Endpoint,
    mode: GenerationMode,
) -> None:
    operation = schema[row.route][row.method]

    @given(case=operation.as_strategy(generation_mode=mode), is_real=st.booleans())
    @bounded(EXAMPLES)
    def check(case: Any, is_real: bool) -> None:
        if is_real:
            name_what_exists(case, what_exists)
        answer = case.call(session=session, headers={"Authorization": f"Bearer {admin.token}"})
        assert answer.status_code < 500, answer.text
        case.validate_response(answer, checks=AS_DOCUMENTED)

    check()


@pytest.mark.parametrize("row", not_implemented(), ids=lambda row: row.operation_id)
def test_with_every_scope_a_missing_endpoint_is_501_as_documented(
    schema: Any, session: Any, admin: Caller, row: Endpoint
) -> None:
    @given(case=schema[row.route][row.method].as_strategy())
    @bounded(2)
    def check(case: Any) -> None:
        answer = case.call(session=session, headers={"Authorization": f"Bearer {admin.token}"})
        assert answer.status_code == 501
        case.validate_response(answer, checks=AS_DOCUMENTED)

    check()


@pytest.mark.parametrize(
    "row", [row for row in endpoints() if row.scope], ids=lambda row: row.operation_id
)
def test_with_no_scope_there_is_nothing_but_401_and_403(
    schema: Any, session: Any, anybody: Caller, row: Endpoint
) -> None:
    somebody = anybody.with_scopes([])

    @given(
        case=schema[row.route][row.method].as_strategy(generation_mode=GenerationMode.NEGATIVE)
        | schema[row.route][row.method].as_strategy(),
    )
    @bounded(2)
    def check(case: Any) -> None:
        nobody = case.call(session=session, headers={"Authorization": ""})
        # The generated cases of an operation with a bearer scheme may leave the header out.
        sent = case.as_transport_kwargs(base_url=ISSUER)
        sent["url"] = str(nobody.request.url)
        sent["headers"] = {**sent["headers"], "Authorization": f"Bearer {somebody.token}"}
        sent.pop("cookies", None)
        known = session.request(**sent)
        assert (nobody.status_code, known.status_code) == (401, 403)

    check()
