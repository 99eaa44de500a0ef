"""The scopes that code asks for against those that an API has: what is missing, what is unused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from kinde_guard.cli.errors import Finding
from kinde_guard.cli.scopes.account import Step
from kinde_guard.cli.scopes.listing import api_to_json
from kinde_guard.cli.scopes.management import Api, ApiScope, ManagementApi
from kinde_guard.cli.scopes.wanted import Wanted

OF_SIGN_IN: Final = frozenset({"openid", "profile", "email", "offline", "offline_access"})
"""What users' tokens hold from signing in; no API can have scopes of these names."""

MAX_KEY: Final = 64
"""Characters of a scope's name in Kinde."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to do.

    Attributes:
        api: which API.
        missing: the code asks for them, the API lacks them.
        unused: the API has them, the code does not ask for them.
        in_both: the rest of the API's.
        of_sign_in: the code asks for them, and they are of no API.
    """

    api: Api
    missing: tuple[Wanted, ...]
    unused: tuple[ApiScope, ...]
    in_both: tuple[ApiScope, ...]
    of_sign_in: tuple[str, ...]

    @property
    def is_even(self) -> bool:
        """Whether code and Kinde agree."""
        return not (self.missing or self.unused)

    def to_json(self) -> dict[str, Any]:
        """Return it for a program."""
        return {
            "api": api_to_json(self.api),
            "missing": [
                {"scope": one.key, "description": one.description, "routes": list(one.routes)}
                for one in self.missing
            ],
            "unused": [{"scope": one.key, "description": one.description} for one in self.unused],
            "in_both": [one.key for one in self.in_both],
            "of_sign_in": list(self.of_sign_in),
        }


def planned(api: Api, present: Sequence[ApiScope], wanted: Sequence[Wanted]) -> Plan:
    """Compare.

    Raises:
        Finding: the API is Kinde's own, or the code asks for a scope that Kinde cannot have.
    """
    if api.is_management_api:
        raise Finding(f"{api.name} is Kinde's own: its scopes cannot be changed")
    for one in wanted:
        if len(one.key) > MAX_KEY:
            raise Finding(
                f"{one.key}: Kinde's scopes have at most {MAX_KEY} characters, this one has"
                f" {len(one.key)}; it is asked for by {', '.join(one.routes)}"
            )
    keys, asked = {one.key for one in present}, {one.key for one in wanted}
    return Plan(
        api,
        missing=tuple(one for one in wanted if one.key not in keys | OF_SIGN_IN),
        unused=tuple(one for one in present if one.key not in asked),
        in_both=tuple(one for one in present if one.key in asked),
        of_sign_in=tuple(one.key for one in wanted if one.key in OF_SIGN_IN - keys),
    )


def steps(plan: Plan, management: ManagementApi, *, prune: bool) -> list[Step]:
    """Return what carries a plan out: first what is added, then what is removed."""
    return [
        *(_addition(plan.api, one, management) for one in plan.missing),
        *(_removal(plan.api, one, management) for one in plan.unused if prune),
    ]


def _addition(api: Api, wanted: Wanted, management: ManagementApi) -> Step:
    return Step(
        "add", wanted.key, lambda: management.add_scope(api, wanted.key, wanted.description)
    )


def _removal(api: Api, scope: ApiScope, management: ManagementApi) -> Step:
    return Step("remove", scope.key, lambda: management.delete_scope(api, scope))
