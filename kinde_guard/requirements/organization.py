"""The organization that the path names: ``require_org``.

Annotations are not postponed here, as in :mod:`.dependency`.
"""

from collections.abc import Sequence
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import Scope

from kinde_guard.asgi.auth_state import get_auth_state
from kinde_guard.requirements.dependency import TokenDependency, check_parentheses
from kinde_guard.requirements.requirement import Requirement
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.vocabulary.errors import ConfigurationError, GuardError, WrongOrganization


class OrganizationRequirement(TokenDependency):
    """A token for the organization that the route's path names.

    The code of an organization means something in its own tenant only, so a token of another
    trusted issuer does not meet this.

    Args:
        path_parameter: the parameter of the path that holds the organization's code.
        allow_global: whether tokens that are for no organization pass too.
    """

    __slots__ = ("allow_global", "path_parameter")

    def __init__(self, path_parameter: str, allow_global: bool) -> None:
        self.path_parameter = path_parameter
        self.allow_global = allow_global

    @property
    def label(self) -> str:
        """The path parameter."""
        return f"organization {{{self.path_parameter}}}"

    def is_met(self, token: AccessToken, scope: Scope) -> bool:
        """Tell whether the token is for the organization of the path.

        Raises:
            ConfigurationError: the route's path has no such parameter.
        """
        parameters = scope.get("path_params") or {}
        if self.path_parameter not in parameters:
            raise ConfigurationError(
                f"require_org: the route has no path parameter {self.path_parameter!r}"
            )
        if token.org_code is None:
            return self.allow_global
        own_tenant = token.issuer in {None, get_auth_state(scope).guard.issuer}
        return own_tenant and token.org_code == str(parameters[self.path_parameter])

    def rejection(self, _route: Sequence[Requirement]) -> GuardError:
        """Name nothing: the organization stands in the path."""
        return WrongOrganization()

    def document(self, operation: dict[str, Any]) -> None:
        """Add ``x-required-organization``, the path parameter."""
        operation["x-required-organization"] = self.path_parameter


def require_org(
    path_parameter: str = "org_code",
    *,
    allow_global: bool = False,
    connection: HTTPConnection = None,  # type: ignore[assignment]
) -> OrganizationRequirement:
    """Make a dependency that needs a token of the organization that the route's path names.

    Args:
        path_parameter: the parameter of the path that holds the organization's code.
        allow_global: whether tokens that are bound to no organization pass too.
        connection: never to be given; it notices ``Depends(require_org)``, which lacks parentheses
            and would check nothing.

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
    return OrganizationRequirement.of(path_parameter, allow_global)
