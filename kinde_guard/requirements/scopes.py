"""Scopes: ``require_scopes`` and ``require_any_scope``.

Annotations are not postponed here, as in :mod:`.dependency`.
"""

from collections.abc import Sequence
from typing import Any

from starlette.types import Scope

from kinde_guard.requirements.dependency import TokenDependency
from kinde_guard.requirements.requirement import Requirement, names_schema, scopes_of
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.verification.scopes import scope_names
from kinde_guard.vocabulary.errors import GuardError, InsufficientScope


class ScopeRequirement(TokenDependency):
    """All of some scopes, and one of some others.

    Args:
        all_of: scopes that must all be granted.
        any_of: scopes of which one must be granted; empty means that none is required.
    """

    __slots__ = ("all_of", "any_of")

    def __init__(self, all_of: tuple[str, ...], any_of: tuple[str, ...] = ()) -> None:
        self.all_of = all_of
        self.any_of = any_of

    @property
    def label(self) -> str:
        """The scopes, as ``read:users update:users`` or ``read:users or admin``."""
        either = " or ".join(self.any_of)
        return " ".join(filter(None, (*self.all_of, either)))

    @property
    def alternatives(self) -> tuple[tuple[str, ...], ...]:
        """One set for each scope of ``any_of``, with all of ``all_of``."""
        if not self.any_of:
            return (self.all_of,)
        return tuple((*self.all_of, name) for name in self.any_of)

    def is_met(self, token: AccessToken, _scope: Scope) -> bool:
        """Tell whether the token was granted enough of the scopes."""
        granted = token.scopes
        return granted.issuperset(self.all_of) and not (
            self.any_of and granted.isdisjoint(self.any_of)
        )

    def rejection(self, route: Sequence[Requirement]) -> GuardError:
        """Name all scopes of the route."""
        return InsufficientScope(scopes_of(route))

    def problem_schema(self) -> dict[str, Any]:
        """Describe ``required_scopes``."""
        return {"required_scopes": names_schema("scopes")}


def require_scopes(*scopes: str) -> ScopeRequirement:
    """Make a dependency that needs all of these scopes.

    Args:
        scopes: names of scopes, such as ``"read:users"``; at least one.

    Returns:
        A dependency for ``Depends(...)``, of a route, a router or an app, HTTP or WebSocket. As a
        parameter it gives the :class:`AccessToken`.

    Raises:
        ValueError: at import, where no scope or something else than a scope name is given.

    Source: RFC 6749, section 3.3; RFC 6750, section 3.1 (``insufficient_scope``).

    Example:
        >>> from fastapi import Depends, FastAPI
        >>> app = FastAPI()
        >>> @app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
        ... async def list_users() -> list[str]:
        ...     return []
    """
    return ScopeRequirement.of(scope_names(scopes), ())


def require_any_scope(*scopes: str) -> ScopeRequirement:
    """Make a dependency that needs at least one of these scopes.

    Args:
        scopes: names of scopes; at least one.

    Raises:
        ValueError: at import, where no scope or something else than a scope name is given.

    Source: RFC 6749, section 3.3.

    Example:
        >>> require_any_scope("read:users", "admin").any_of
        ('read:users', 'admin')
    """
    return ScopeRequirement.of((), scope_names(scopes))
