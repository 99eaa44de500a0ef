"""What a route requires of a token: the base of every kind of requirement.

Each kind knows its check, its rejection, its part of the OpenAPI document and its label. A new kind
is a new module with a subclass of :class:`~.dependency.TokenDependency`, its error and its public
name; nothing else lists the kinds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self
from weakref import WeakValueDictionary

from starlette.types import Scope

from kinde_guard.verification.access_token import AccessToken
from kinde_guard.vocabulary.errors import GuardError, InsufficientScope


class SelfDocumenting:
    """A dependency that adds to the operations of the OpenAPI document which depend on it."""

    __slots__ = ()

    def document(self, operation: dict[str, Any]) -> None:
        """Add to an operation; nothing, unless a subclass does.

        Args:
            operation: the Operation Object, changed in place.
        """


class Requirement(SelfDocumenting, ABC):
    """Something that a route requires of the token of a request.

    Equal requirements are the same object, so FastAPI checks them once in a request however often
    they are named, and ``app.dependency_overrides[require_scopes("read:users")]`` finds them. Those
    that are not in use any more are forgotten.
    """

    __slots__ = ("__weakref__",)

    _instances: ClassVar[WeakValueDictionary[tuple[Any, ...], Requirement]] = WeakValueDictionary()

    @classmethod
    def of(cls, *values: Any) -> Self:  # noqa: ANN401 - what a kind is made of
        """Return the requirement that is made of these values, each time the same object."""
        # The type is part of the key: 1, 1.0 and True are equal.
        key = (cls, *((type(value), value) for value in values))
        instance = cls._instances.get(key)
        if instance is None:
            instance = cls._instances.setdefault(key, cls(*values))
        return instance  # type: ignore[return-value]

    needs_token: ClassVar[bool] = True
    """Whether a request without a token is rejected."""

    can_deny: ClassVar[bool] = True
    """Whether a good token may be rejected, with 403."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What it requires, in a few words, as a list of routes shows it."""

    @property
    def alternatives(self) -> tuple[tuple[str, ...], ...]:
        """The sets of scopes of which each is enough; one empty set where it names no scope."""
        return ((),)

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every scope that it names, in the order in which it was written."""
        return tuple(dict.fromkeys(name for names in self.alternatives for name in names))

    @abstractmethod
    def is_met(self, token: AccessToken, scope: Scope) -> bool:
        """Tell whether a token has what is required.

        Args:
            token: verified.
            scope: the ASGI scope of the request, after routing.

        Raises:
            ConfigurationError: the route cannot be checked for this.
        """

    @abstractmethod
    def rejection(self, route: Sequence[Requirement]) -> GuardError:
        """Return the error for a token that lacks it, naming all that the route needs of its kind.

        Args:
            route: everything that the route requires, this requirement included.
        """

    def for_operation(self, _method: str, _path: str) -> Requirement:
        """Return what is required for one operation, where that depends on its method and path."""
        return self

    def problem_schema(self) -> dict[str, Any]:
        """Return what its rejection adds to the problem document: JSON schemas of members."""
        return {}


def names_schema(kind: str) -> dict[str, Any]:
    """Return the JSON schema of a list of all names of a kind that an operation requires."""
    description = f"With 403: all {kind} that the operation requires."
    return {"type": "array", "items": {"type": "string"}, "description": description}


def scopes_of(requirements: Iterable[Requirement]) -> tuple[str, ...]:
    """Return every scope that some requirements name, in their order."""
    named = (name for requirement in requirements for name in requirement.scopes)
    return tuple(dict.fromkeys(named))


class SecurityScopesRequirement(Requirement):
    """All of the scopes that FastAPI's ``Security(..., scopes=[...])`` names around a dependency.

    Args:
        names: checked names of scopes.

    Source: FastAPI, "OAuth2 scopes".
    """

    __slots__ = ("names",)

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    @property
    def label(self) -> str:
        """The scopes."""
        return " ".join(self.names)

    @property
    def alternatives(self) -> tuple[tuple[str, ...], ...]:
        """The scopes, all of them."""
        return (self.names,)

    def is_met(self, token: AccessToken, _scope: Scope) -> bool:
        """Tell whether the token has all of the scopes."""
        return token.scopes.issuperset(self.names)

    def rejection(self, route: Sequence[Requirement]) -> GuardError:
        """Name all scopes of the route."""
        return InsufficientScope(scopes_of(route))

    def problem_schema(self) -> dict[str, Any]:
        """Describe ``required_scopes``."""
        return {"required_scopes": names_schema("scopes")}
