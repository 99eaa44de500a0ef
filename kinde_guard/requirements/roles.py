"""Roles: ``require_roles`` and ``require_any_role``.

Annotations are not postponed here, as in :mod:`.dependency`.
"""

from collections.abc import Sequence
from typing import Any

from starlette.types import Scope

from kinde_guard.requirements.dependency import TokenDependency
from kinde_guard.requirements.requirement import Requirement, names_schema
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.verification.scopes import scope_names
from kinde_guard.vocabulary.errors import GuardError, InsufficientRole


class RoleRequirement(TokenDependency):
    """All of some roles of the user, or one of some others.

    Args:
        all_of: keys of roles that the user must all have.
        any_of: keys of roles of which the user must have one; empty means that none is required.
    """

    __slots__ = ("all_of", "any_of")

    def __init__(self, all_of: tuple[str, ...], any_of: tuple[str, ...]) -> None:
        self.all_of = all_of
        self.any_of = any_of

    @property
    def label(self) -> str:
        """The roles."""
        return (
            f"roles {', '.join(self.all_of)}" if self.all_of else f"role {' or '.join(self.any_of)}"
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """Every role that it names."""
        return (*self.all_of, *self.any_of)

    def is_met(self, token: AccessToken, _scope: Scope) -> bool:
        """Tell whether the user has enough of the roles."""
        roles = token.roles
        return roles.issuperset(self.all_of) and not (self.any_of and roles.isdisjoint(self.any_of))

    def rejection(self, route: Sequence[Requirement]) -> GuardError:
        """Name all roles of the route."""
        kind = (each for each in route if isinstance(each, RoleRequirement))
        return InsufficientRole(tuple(dict.fromkeys(key for each in kind for key in each.keys)))

    def document(self, operation: dict[str, Any]) -> None:
        """Add ``x-required-roles``."""
        listed = operation.setdefault("x-required-roles", [])
        listed.extend(key for key in self.keys if key not in listed)

    def problem_schema(self) -> dict[str, Any]:
        """Describe ``required_roles``."""
        return {"required_roles": names_schema("roles")}


def require_roles(*keys: str) -> RoleRequirement:
    """Make a dependency that needs all of these roles, in the token's organization.

    Kinde puts roles into access tokens only where the application's token customization says so.

    Args:
        keys: keys of roles, such as ``"admin"``; at least one.

    Raises:
        ValueError: at import, where no key or something else than a key is given.

    Source: Kinde, "Token customization" (``roles``).

    Example:
        >>> require_roles("admin").all_of
        ('admin',)
    """
    return RoleRequirement.of(scope_names(keys, "role"), ())


def require_any_role(*keys: str) -> RoleRequirement:
    """Make a dependency that needs at least one of these roles, in the token's organization.

    Args:
        keys: keys of roles; at least one.

    Raises:
        ValueError: at import, where no key or something else than a key is given.

    Source: Kinde, "Token customization" (``roles``).

    Example:
        >>> require_any_role("admin", "owner").any_of
        ('admin', 'owner')
    """
    return RoleRequirement.of((), scope_names(keys, "role"))
