"""Refusals, descriptions and representations that no request shows."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from kinde_guard import ConfigurationError, KindeGuard, MemoryRevocations, require_operation_scope
from kinde_guard.requirements.before_body import may_have_body
from kinde_guard.revocation.entries import Entry, combine
from kinde_guard.vocabulary.settings import documented


def test_guard_is_installed_once_in_an_application(guard: KindeGuard) -> None:
    app = FastAPI()
    guard.install(app)
    with pytest.raises(ConfigurationError) as caught:
        guard.install(app)
    assert str(caught.value) == "app: this guard is installed in it already"


def test_guard_without_a_resource_has_no_metadata_to_serve(guard: KindeGuard) -> None:
    with pytest.raises(ConfigurationError) as caught:
        guard.resource_metadata_routes()
    assert str(caught.value) == "resource: set it, so that there is metadata to serve"


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("GET", [], False),
        ("HEAD", [(b"accept", b"*/*")], False),
        ("GET", [(b"content-length", b"2")], True),
        ("GET", [(b"accept", b"*/*"), (b"transfer-encoding", b"chunked")], True),
        ("POST", [], True),
        ("DELETE", [], True),
    ],
)
def test_method_and_headers_tell_whether_there_may_be_a_body(
    method: str, headers: list[tuple[bytes, bytes]], expected: bool
) -> None:
    assert may_have_body({"method": method, "headers": headers}) is expected


def test_entries_of_one_decision_amount_to_the_latest_of_all_their_times() -> None:
    first = Entry(before=10, decided_at=20, restored=False, recorded_at=30)
    second = Entry(before=20, decided_at=10, restored=False, recorded_at=25)
    assert combine(first, second) == Entry(20, 20, restored=False, recorded_at=30)


def test_every_setting_is_documented_with_its_default() -> None:
    assert documented()[4][:2] == ("leeway", 5)
    assert all(doc for _, _, doc in documented())


def test_operation_scope_documents_what_its_rejection_adds() -> None:
    description = "With 403: all scopes that the operation requires."
    assert require_operation_scope().problem_schema() == {
        "required_scopes": {
            "type": "array",
            "items": {"type": "string"},
            "description": description,
        }
    }


def test_revocations_in_memory_show_their_snapshot() -> None:
    revocations = MemoryRevocations()
    assert repr(revocations) == f"<MemoryRevocations: {revocations.snapshot!r}>"
