"""The scope that Kinde's OpenAPI import makes for the operation: ``require_operation_scope``.

Annotations are not postponed here, as in :mod:`.dependency`.
"""

from collections.abc import Sequence
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import Scope

from kinde_guard.asgi.fastapi_routes import dependant_of, matched_route
from kinde_guard.requirements.dependency import TokenDependency, check_parentheses
from kinde_guard.requirements.operation_scope_names import operation_scope
from kinde_guard.requirements.requirement import Requirement, names_schema, scopes_of
from kinde_guard.requirements.scopes import ScopeRequirement
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.vocabulary.errors import ConfigurationError, GuardError, InsufficientScope


class OperationScopeRequirement(TokenDependency):
    """The operation's own scope, whose name follows from method and path."""

    __slots__ = ()

    @property
    def label(self) -> str:
        """The operation's own scope."""
        return "the operation's own scope"

    def is_met(self, token: AccessToken, scope: Scope) -> bool:
        """Tell whether the token was granted the operation's scope.

        Raises:
            ConfigurationError: the operation has no scope whose name is known.
        """
        route, method = matched_route(scope), scope.get("method")
        if dependant_of(route) is None or method is None:
            raise ConfigurationError("require_operation_scope: this is no HTTP route of FastAPI")
        return self.for_operation(method, route.path_format).is_met(token, scope)

    def for_operation(self, method: str, path: str) -> Requirement:
        """Return the scope by its name."""
        return ScopeRequirement.of((operation_scope(method, path),), ())

    def rejection(self, route: Sequence[Requirement]) -> GuardError:
        """Name all scopes of the route."""
        return InsufficientScope(scopes_of(route))

    def problem_schema(self) -> dict[str, Any]:
        """Describe ``required_scopes``."""
        return {"required_scopes": names_schema("scopes")}


def require_operation_scope(
    connection: HTTPConnection = None,  # type: ignore[assignment]
) -> OperationScopeRequirement:
    """Make a dependency that needs the scope which Kinde's OpenAPI import makes for the route.

    An application with operations whose names would collide, or cannot be told, does not start.

    Args:
        connection: never to be given; it notices ``Depends(require_operation_scope)``, which lacks
            parentheses and would check nothing.

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
    return OperationScopeRequirement.of()
