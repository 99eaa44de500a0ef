"""What a route asks of its caller, in words that dependencies, challenges and documents share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

from kinde_guard.verification.scopes import ScopeRule, scope_names


@dataclass(frozen=True, slots=True)
class Needs:
    """What a route, or one of its dependencies, asks of its caller.

    Attributes:
        rules: one for each dependency that asks for a token; one without scopes asks for no more.
        optional: whether a dependency takes a token without asking for one.
        permissions: permissions that the user must all have.
        organization: the path parameter that must name the token's organization.
        by_operation: whether the scope that Kinde's import makes for the operation is needed.
    """

    rules: tuple[ScopeRule, ...] = ()
    optional: bool = False
    permissions: tuple[str, ...] = ()
    organization: str | None = None
    by_operation: bool = False

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every scope that is mentioned, in the order of the dependencies."""
        return tuple(dict.fromkeys(name for rule in self.rules for name in rule.names))

    @property
    def can_be_denied(self) -> bool:
        """Whether a good token may still be refused, with 403."""
        return bool(self.scopes or self.permissions or self.organization or self.by_operation)


def merged(needs: Iterable[Needs]) -> Needs:
    """Return the needs of a route from those of its dependencies.

    Example:
        >>> merged([Needs(permissions=("a",)), Needs(permissions=("b", "a"))]).permissions
        ('a', 'b')
    """
    every = list(needs)
    return Needs(
        rules=tuple(dict.fromkeys(rule for one in every for rule in one.rules)),
        optional=any(one.optional for one in every),
        permissions=tuple(dict.fromkeys(name for one in every for name in one.permissions)),
        organization=next((one.organization for one in every if one.organization), None),
        by_operation=any(one.by_operation for one in every),
    )


class Requirement(ABC):
    """A dependency that concerns the token, as the guard recognises it in a route."""

    __slots__ = ()

    @property
    @abstractmethod
    def own_needs(self) -> Needs:
        """What it asks for by itself."""

    def needs(self, security_scopes: tuple[str, ...]) -> Needs:
        """Return what it asks for at one place of a route.

        Args:
            security_scopes: the scopes that ``Security(..., scopes=[...])`` gives it there, all of
                which are needed too.

        Raises:
            ValueError: one of them is no scope name. FastAPI hands them over with the request, so
                they cannot be checked any earlier; nobody is let in.
        """
        own = self.own_needs
        if not security_scopes:
            return own
        return replace(own, rules=(*own.rules, security_rule(security_scopes)), optional=False)


@cache
def security_rule(scopes: tuple[str, ...]) -> ScopeRule:
    """Return the rule that all scopes of a ``Security`` are needed.

    Raises:
        ValueError: there is none, or one of them is no scope name.
    """
    return ScopeRule(all_of=scope_names(scopes))
