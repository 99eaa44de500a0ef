"""What a requirement is called where routes are listed."""

from __future__ import annotations

import pytest

from kinde_guard import (
    current_token,
    optional_token,
    require_any_scope,
    require_operation_scope,
    require_org,
    require_permissions,
    require_scopes,
    require_token,
)
from kinde_guard.requirements.requirement import Requirement, SecurityScopesRequirement

LABELS: list[tuple[Requirement, str]] = [
    (require_token(), "a token"),
    (current_token, "a token"),
    (optional_token, "a token if there is one"),
    (require_scopes("read:users", "update:users"), "read:users update:users"),
    (require_any_scope("read:users", "admin"), "read:users or admin"),
    (require_permissions("a", "b"), "permissions a, b"),
    (require_org("org"), "organization {org}"),
    (require_operation_scope(), "the operation's own scope"),
    (SecurityScopesRequirement(("openid", "email")), "openid email"),
]


@pytest.mark.parametrize(("requirement", "label"), LABELS)
def test_label_names_what_is_required(requirement: Requirement, label: str) -> None:
    assert requirement.label == label


@pytest.mark.parametrize("requirement", [require_token(), optional_token])
def test_rejection_of_a_requirement_that_every_token_meets_is_403(requirement: Requirement) -> None:
    error = requirement.rejection((requirement,))
    assert (error.status, error.reason) == (403, "access_denied")
