"""Compares the scopes that code requires with the scopes that an API has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from kinde_guard.cli.errors import Finding
from kinde_guard.cli.scopes.execution import Step
from kinde_guard.cli.scopes.listing import api_to_json
from kinde_guard.cli.scopes.management import Api, ApiScope, ManagementApi
from kinde_guard.cli.scopes.required_scopes import RequiredScope

SIGN_IN_SCOPES: Final = frozenset({"openid", "profile", "email", "offline", "offline_access"})
"""OpenID Connect scopes of users' tokens; an API cannot have scopes of these names."""

MAX_KEY: Final = 64
"""Maximum length of a scope's name in Kinde, in characters."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The differences between code and Kinde.

    Attributes:
        api: the API that was compared.
        missing: scopes that the code requires and the API lacks.
        unused: scopes of the API that no route requires.
        in_both: scopes of the API that some route requires.
        of_sign_in: OpenID Connect scopes that the code requires.
    """

    api: Api
    missing: tuple[RequiredScope, ...]
    unused: tuple[ApiScope, ...]
    in_both: tuple[ApiScope, ...]
    of_sign_in: tuple[str, ...]

    @property
    def is_even(self) -> bool:
        """Whether code and Kinde have the same scopes."""
        return not (self.missing or self.unused)

    def without_unused(self) -> Plan:
        """Return the plan restricted to what the API lacks."""
        return replace(self, unused=())

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "api": api_to_json(self.api),
            "missing": [
                {"scope": scope.key, "description": scope.description, "routes": list(scope.routes)}
                for scope in self.missing
            ],
            "unused": [
                {"scope": scope.key, "description": scope.description} for scope in self.unused
            ],
            "in_both": [scope.key for scope in self.in_both],
            "of_sign_in": list(self.of_sign_in),
        }


def make_plan(api: Api, present: Sequence[ApiScope], required: Sequence[RequiredScope]) -> Plan:
    """Compare the scopes of an API with those that code requires.

    Raises:
        Finding: the API is Kinde's own, or a required scope is too long for Kinde.
    """
    if api.is_management_api:
        raise Finding(f"{api.name} is Kinde's own: its scopes cannot be changed")
    for scope in required:
        if len(scope.key) > MAX_KEY:
            raise Finding(
                f"{scope.key}: Kinde's scopes have at most {MAX_KEY} characters, this one has"
                f" {len(scope.key)}; it is asked for by {', '.join(scope.routes)}"
            )
    keys, asked = {scope.key for scope in present}, {scope.key for scope in required}
    return Plan(
        api,
        missing=tuple(scope for scope in required if scope.key not in keys | SIGN_IN_SCOPES),
        unused=tuple(scope for scope in present if scope.key not in asked),
        in_both=tuple(scope for scope in present if scope.key in asked),
        of_sign_in=tuple(scope.key for scope in required if scope.key in SIGN_IN_SCOPES - keys),
    )


def steps(plan: Plan, management: ManagementApi, *, prune: bool) -> list[Step]:
    """Return the changes that a plan needs, additions before removals."""
    return [
        *(_addition(plan.api, scope, management) for scope in plan.missing),
        *(_removal(plan.api, scope, management) for scope in plan.unused if prune),
    ]


def _addition(api: Api, scope: RequiredScope, management: ManagementApi) -> Step:
    return Step("add", scope.key, lambda: management.add_scope(api, scope.key, scope.description))


def _removal(api: Api, scope: ApiScope, management: ManagementApi) -> Step:
    return Step("remove", scope.key, lambda: management.delete_scope(api, scope))
