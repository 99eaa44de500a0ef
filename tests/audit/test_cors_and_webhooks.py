"""Guards that answer CORS preflights, and webhooks that a guard rejects."""

from __future__ import annotations

import pytest
from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware

from kinde_guard import KindeGuard, KindeGuardMiddleware, WebhookEvent, kinde_webhook
from kinde_guard.audit.findings import Finding, find_problems
from kinde_guard.audit.operations import list_operations


async def endpoint() -> None: ...


def guard_with(*public: str) -> KindeGuard:
    return KindeGuard("acme.kinde.com", audience="https://api.acme.com", public_paths=public)


CORS = Finding("cors_outside_guard", "/", "the guard at / answers CORS preflights with 401")


def cors_findings(app: object) -> list[Finding]:
    return [each for each in find_problems(list_operations(app)) if each.code == CORS.code]


@pytest.mark.parametrize(("public", "expected"), [((), [CORS]), (("OPTIONS /*",), [])])
def test_wrapped_guard_outside_cors_answers_preflights_unless_they_are_public(
    public: tuple[str, ...], expected: list[Finding]
) -> None:
    app = FastAPI()
    app.add_middleware(CORSMiddleware, allow_origins=["https://acme.com"])
    app.get("/users")(endpoint)
    guard = guard_with(*public)
    assert cors_findings(KindeGuardMiddleware(app, guard=guard)) == expected


def test_cors_wrapped_by_hand_inside_the_guard_is_seen() -> None:
    app = FastAPI()
    inner = CORSMiddleware(app, allow_origins=["https://acme.com"])
    assert cors_findings(KindeGuardMiddleware(inner, guard=guard_with())) == [CORS]


def test_guard_inside_other_middleware_without_cors_is_no_finding() -> None:
    app = FastAPI()
    inner = KindeGuardMiddleware(app, guard=guard_with())
    assert cors_findings(KindeGuardMiddleware(inner, guard=guard_with())) == []


@pytest.mark.parametrize("public", [True, False])
def test_webhook_needs_a_public_path(public: bool) -> None:
    guard = guard_with(*(["POST /hooks"] if public else []))
    app = FastAPI()

    @app.post("/hooks")
    async def hooks(event: WebhookEvent = Depends(kinde_webhook(guard))) -> None: ...  # noqa: B008

    guard.install(app)
    message = "POST /hooks takes webhooks and needs a token, which Kinde does not send"
    expected = [] if public else [Finding("webhook_needs_token", "POST /hooks", message)]
    assert find_problems(list_operations(app)) == expected
