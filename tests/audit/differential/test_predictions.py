"""The tools predict what applications made by a seed answer to no, a poor and a good token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest
from starlette.types import ASGIApp

from kinde_guard.audit.findings import answering, find_problems
from kinde_guard.audit.operations import Kind, Operation, iter_operations, list_operations
from tests.audit.differential.generated import (
    GOOD_CLAIMS,
    RAN,
    Generated,
    Generator,
    concrete,
    requests,
)
from tests.core.conftest import MakeGuard, make_guard  # noqa: F401 - a fixture
from tests.core.exchange import call, connect
from tests.mint import Tenant

pytestmark = [
    pytest.mark.anyio,
    # FastAPI's, for a route of several methods.
    pytest.mark.filterwarnings("ignore:Duplicate Operation ID"),
]

SEEDS = range(24)
OPERATION_SCOPES = [
    f"{method.lower()}:{path}"
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
    for path in ("a_b", "b_x", "c_d", "r_a_b", "r_b_x", "r_c_d", "r_r_a_b", "r_r_b_x", "r_r_c_d")
]
GOOD_SCOPES = ["read:a", "read:b", "read:c", "read:z", *OPERATION_SCOPES]


@dataclass(frozen=True)
class Outcome:
    """What an application answered: the status, and the handler that ran."""

    status: int
    ran: str | None

    @property
    def was_served(self) -> bool:
        return self.status < 300


async def ask(app: ASGIApp, method: str, path: str, token: str | None) -> Outcome:
    if method == "WS":
        talk = await connect(app, path, token=token)
        if talk.accepted:
            return Outcome(200, talk.texts[0])
        return Outcome(404 if talk.denial is None else talk.denial.status, None)
    headers = [("content-type", "application/json")]
    answer = await call(app, path, method=method, token=token, headers=headers, body=b"{}")
    return Outcome(answer.status, answer.header(RAN))


def predicted(operation: Operation, credential: str) -> int:
    """Return the status that the operation's description leads to expect."""
    has_token = credential != "none" and not operation.is_unverified
    if not has_token and (operation.requires_token or not operation.is_public):
        return 401
    return 403 if has_token and credential == "poor" and operation.can_deny else 200


@pytest.fixture
def tokens(tenant: Tenant) -> dict[str, str | None]:
    good = tenant.user_token(*GOOD_SCOPES, **GOOD_CLAIMS)
    return {"none": None, "poor": tenant.user_token(), "good": good}


@pytest.fixture(params=SEEDS)
def generated(request: Any, make_guard: MakeGuard) -> Generated:  # noqa: F811
    return Generator(Random(request.param), make_guard).application()


async def test_every_answer_is_the_one_that_the_listed_operation_predicts(
    generated: Generated, tokens: dict[str, str | None]
) -> None:
    operations = list(iter_operations(generated.app))
    overrides = any(app.dependency_overrides for _, app in generated.documented)
    for method, path in requests():
        if method == "WS" and overrides:
            # A WebSocket's route does not tell which overrides apply to it.
            continue
        operation = answering(operations, method, path)
        for credential, token in tokens.items():
            outcome = await ask(generated.app, method, path, token)
            case = (method, path, credential, operation, outcome)
            if operation is None:
                assert outcome.ran is None, case
                assert not outcome.was_served, case
            else:
                assert outcome.status == predicted(operation, credential), case
                ran = getattr(getattr(operation.route, "endpoint", None), "ran", outcome.ran)
                assert not outcome.was_served or outcome.ran == ran, case


async def test_operation_without_finding_serves_no_request_without_its_right(
    generated: Generated, tokens: dict[str, str | None]
) -> None:
    """``assert_guarded`` passes an operation only if it is public, or turns a poor token away."""
    listed = find_problems(list_operations(generated.app))
    subjects = {each.subject for each in listed if each.code in {"no_guard", "no_scope"}}
    operations = list(iter_operations(generated.app))
    for method, path in requests():
        operation = answering(operations, method, path)
        outcome = await ask(generated.app, method, path, tokens["poor"])
        if operation is None or not outcome.was_served:
            continue
        names = {f"{asked} {operation.path}" for asked in (method, "GET", "ANY")}
        passes = operation.is_public or operation.kind is Kind.DOCS or operation.can_deny
        assert passes or names & subjects, (method, path, operation)
        assert not operation.can_deny or operation.is_unverified, (method, path, operation)


def documented(generated: Generated) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for prefix, app in generated.documented:
        if app.openapi_url is None or app.dependency_overrides:
            continue
        for path, item in app.openapi()["paths"].items():
            for method, operation in item.items():
                yield method.upper(), prefix + path, operation


async def test_every_answer_is_the_one_that_the_openapi_document_predicts(
    generated: Generated, tokens: dict[str, str | None]
) -> None:
    operations = list(iter_operations(generated.app))
    app = generated.inner
    if not any("documented" in each.kwargs for each in app.user_middleware):
        # The guard was not installed, so the documents are FastAPI's own.
        return
    app.middleware_stack = app.build_middleware_stack()
    for method, template, described in documented(generated):
        path = concrete(template)
        operation = answering(operations, method, path)
        if (
            operation is None
            or operation.path != template
            or operation.kind is Kind.DOCS
            or operation.is_unverified
        ):
            # Another route, or a mount, is tried first.
            continue
        if operation.is_public != replace(operation, asked=None).is_public:
            # One path of the template is public; the document describes the others.
            continue
        security = described.get("security", [{}])
        responses = described["responses"]
        none = await ask(generated.app, method, path, None)
        poor = await ask(generated.app, method, path, tokens["poor"])
        good = await ask(generated.app, method, path, tokens["good"])
        case = (method, template, described, none, poor, good)
        assert (none.status == 200) is ({} in security), case
        assert (poor.status == 403) is ("403" in responses), case
        assert {str(none.status), str(poor.status), str(good.status)} <= {*responses, "200"}, case
        assert good.status == 200, case
