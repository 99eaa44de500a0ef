"""What a route needs besides scopes it names: an organization, permissions, its operation's scope.

Scopes say what an application may do. These say for whom: the organization that a token is bound
to, and what its user may do there; and ``require_operation_scope`` takes the name of the scope from
the route itself.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection

from kinde_guard.requirements.dependency import TokenDependency, check_parentheses, refused
from kinde_guard.requirements.requirement import Needs
from kinde_guard.requirements.routes import permissions_of_route, route_of
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.verification.scopes import ScopeRule, scope_names
from kinde_guard.vocabulary.errors import (
    ConfigurationError,
    InsufficientPermissions,
    InsufficientScope,
    WrongOrganization,
)

_TOKEN = ScopeRule()


class PermissionDependency(TokenDependency):
    """A dependency that asks for a token whose user has permissions, and gives the token."""

    __slots__ = ("permissions",)

    def __init__(self, permissions: tuple[str, ...]) -> None:
        self.permissions = permissions

    def check(self, connection: HTTPConnection, token: AccessToken) -> None:
        """See to it that the user has the permissions.

        Raises:
            InsufficientPermissions: one is lacking.
        """
        if not token.permissions.issuperset(self.permissions):
            needed = permissions_of_route(connection.scope) or self.permissions
            raise refused(connection, InsufficientPermissions(needed))

    @property
    def own_needs(self) -> Needs:
        """The permissions that it was made for."""
        return Needs(rules=(_TOKEN,), permissions=self.permissions)


class OrganizationDependency(TokenDependency):
    """A dependency that asks for a token of the organization that the path names."""

    __slots__ = ("allow_global", "path_parameter")

    def __init__(self, path_parameter: str, *, allow_global: bool) -> None:
        self.path_parameter = path_parameter
        self.allow_global = allow_global

    def check(self, connection: HTTPConnection, token: AccessToken) -> None:
        """See to it that the token is bound to the organization of the path.

        Raises:
            WrongOrganization: it is bound to another one, or to none.
            ConfigurationError: the route's path has no such parameter.
        """
        if self.path_parameter not in connection.path_params:
            raise ConfigurationError(
                f"require_org: the route has no path parameter {self.path_parameter!r}"
            )
        if token.org_code is None and self.allow_global:
            return
        if token.org_code != str(connection.path_params[self.path_parameter]):
            raise refused(connection, WrongOrganization())

    @property
    def own_needs(self) -> Needs:
        """The path parameter that must name the token's organization."""
        return Needs(rules=(_TOKEN,), organization=self.path_parameter)


class OperationScopeDependency(TokenDependency):
    """A dependency that asks for the scope which Kinde's import makes for the operation."""

    __slots__ = ()

    def check(self, connection: HTTPConnection, token: AccessToken) -> None:
        """See to it that the token has the operation's scope.

        Raises:
            InsufficientScope: it lacks the scope.
            ConfigurationError: the operation has no scope that can be told.
        """
        route, method = route_of(connection.scope), connection.scope.get("method")
        if route is None or method is None:
            raise ConfigurationError("require_operation_scope: this is no HTTP route of FastAPI")
        needed = route.needs_for(method)
        if not all(rule.allows(token.scopes) for rule in needed.rules):
            raise refused(connection, InsufficientScope(needed.scopes))

    @property
    def own_needs(self) -> Needs:
        """That the operation's own scope is needed."""
        return Needs(rules=(_TOKEN,), by_operation=True)


def require_permissions(*permissions: str) -> PermissionDependency:
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
    return PermissionDependency(scope_names(permissions, "permission"))


def require_org(
    path_parameter: str = "org_code",
    *,
    allow_global: bool = False,
    connection: HTTPConnection = None,  # type: ignore[assignment]
) -> OrganizationDependency:
    """Make a dependency that needs a token of the organization that the route's path names.

    Args:
        path_parameter: the parameter of the path that holds the organization's code.
        allow_global: whether tokens that are bound to no organization pass too.
        connection: never to be given; it notices ``Depends(require_org)``, which lacks parentheses
            and would let everybody through.

    Raises:
        ValueError: at import, where the parameter is no name.
        ConfigurationError: the parentheses were forgotten.

    Source: Kinde, "Enforce organization access in your API".

    Example:
        >>> from fastapi import Depends, FastAPI
        >>> app = FastAPI()
        >>> @app.get("/organizations/{org_code}/bills", dependencies=[Depends(require_org())])
        ... async def list_bills(org_code: str) -> list[str]:
        ...     return []
    """
    check_parentheses("require_org", connection)
    if not isinstance(path_parameter, str) or not path_parameter.isidentifier():
        raise ValueError(f"{path_parameter!r} was given, but it must name a path parameter")
    return OrganizationDependency(path_parameter, allow_global=allow_global)


def require_operation_scope(
    connection: HTTPConnection = None,  # type: ignore[assignment]
) -> OperationScopeDependency:
    """Make a dependency that needs the scope which Kinde's OpenAPI import makes for the route.

    An application with operations whose names would collide, or cannot be told, does not start.

    Args:
        connection: never to be given; it notices ``Depends(require_operation_scope)``, which lacks
            parentheses and would let everybody through.

    Raises:
        ConfigurationError: the parentheses were forgotten.

    Source: Kinde, "Custom API scopes".

    Example:
        >>> from fastapi import Depends, FastAPI
        >>> app = FastAPI(dependencies=[Depends(require_operation_scope())])
        >>> @app.get("/users/{user_id}")  # needs get:users_user_id
        ... async def show_user(user_id: str) -> str:
        ...     return user_id
    """
    check_parentheses("require_operation_scope", connection)
    return OperationScopeDependency()
