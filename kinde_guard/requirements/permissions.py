"""Permissions: ``require_permissions``.

Annotations are not postponed here, as in :mod:`.dependency`.
"""

from collections.abc import Sequence
from typing import Any

from starlette.types import Scope

from kinde_guard.requirements.dependency import TokenDependency
from kinde_guard.requirements.requirement import Requirement, names_schema
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.verification.scopes import scope_names
from kinde_guard.vocabulary.errors import GuardError, InsufficientPermissions


class PermissionRequirement(TokenDependency):
    """All of some permissions of the user, in the organization that the token is for.

    Args:
        permissions: keys of permissions.
    """

    __slots__ = ("permissions",)

    def __init__(self, permissions: tuple[str, ...]) -> None:
        self.permissions = permissions

    @property
    def label(self) -> str:
        """The permissions."""
        return f"permissions {', '.join(self.permissions)}"

    def is_met(self, token: AccessToken, _scope: Scope) -> bool:
        """Tell whether the user has all of the permissions."""
        return token.permissions.issuperset(self.permissions)

    def rejection(self, route: Sequence[Requirement]) -> GuardError:
        """Name all permissions of the route."""
        return InsufficientPermissions(_permissions_of(route))

    def document(self, operation: dict[str, Any]) -> None:
        """Add ``x-required-permissions``."""
        listed = operation.setdefault("x-required-permissions", [])
        listed.extend(name for name in self.permissions if name not in listed)

    def problem_schema(self) -> dict[str, Any]:
        """Describe ``required_permissions``."""
        return {"required_permissions": names_schema("permissions")}


def _permissions_of(route: Sequence[Requirement]) -> tuple[str, ...]:
    kind = (each for each in route if isinstance(each, PermissionRequirement))
    return tuple(dict.fromkeys(name for each in kind for name in each.permissions))


def require_permissions(*permissions: str) -> PermissionRequirement:
    """Make a dependency that needs all of these permissions, in the token's organization.

    Args:
        permissions: keys of permissions, such as ``"create:todos"``; at least one.

    Raises:
        ValueError: at import, where no permission or something else than a name is given.

    Source: Kinde, "About access tokens" (``permissions``).

    Example:
        >>> require_permissions("create:todos").permissions
        ('create:todos',)
    """
    return PermissionRequirement.of(scope_names(permissions, "permission"))
