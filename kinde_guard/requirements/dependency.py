"""Shared base of the token dependencies: authenticate, authorize, raise.

Annotations are not postponed in this module: FastAPI reads the signature of ``__call__``, and its
older versions take a parameter whose annotation is a string for a query parameter.
"""

from fastapi.security import SecurityScopes
from starlette.requests import HTTPConnection
from starlette.types import Scope

from kinde_guard.asgi.auth_state import AuthState, get_auth_state
from kinde_guard.asgi.fastapi_routes import route_template
from kinde_guard.asgi.public_paths import request_method
from kinde_guard.asgi.rejections import leave_handler
from kinde_guard.requirements.missing_scopes import missing_scopes_note
from kinde_guard.requirements.requirement import Requirement
from kinde_guard.requirements.route import requirements_of_request, with_security
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.vocabulary.errors import ConfigurationError, GuardError, MissingToken
from kinde_guard.vocabulary.events import NO_IDS, CredentialIds

NO_SCOPES = SecurityScopes()
"""What FastAPI gives a dependency without a ``Security`` around it."""


class TokenDependency(Requirement):
    """A requirement as a FastAPI dependency, which gives the token.

    What ``Security(..., scopes=[...])`` names around it is required as well: FastAPI leaves that to
    the dependency.
    """

    __slots__ = ()

    async def __call__(
        self, connection: HTTPConnection, security_scopes: SecurityScopes = NO_SCOPES
    ) -> AccessToken:
        """Return the request's token if it has what is required.

        Raises:
            MissingToken: there is none, which can only be on a public path.
            AccessDenied: it lacks something.
            HTTPException: 500, because no guard stands in front of the application.
        """
        scope = connection.scope
        state = get_auth_state(scope)
        token = state.token
        if token is None:
            raise reject(scope, state, MissingToken())
        for requirement in with_security(self, security_scopes.scopes):
            if not requirement.is_met(token, scope):
                raise reject(scope, state, rejection_of(requirement, scope))
        return token


def rejection_of(requirement: Requirement, scope: Scope) -> GuardError:
    """Return the rejection for a requirement that is not met, naming all that the route needs."""
    return requirement.rejection(requirements_of_request(scope) or (requirement,))


def reject(scope: Scope, state: AuthState, error: GuardError) -> GuardError:
    """Record a rejection, see to it that it is answered, and return it to be raised."""
    record_rejection(scope, state, error)
    leave_handler(scope, error)
    return error


def record_rejection(scope: Scope, state: AuthState, error: GuardError) -> None:
    """Complete the error's challenge, count it, and log it with the route's template."""
    state.rejection = error
    state.guard.complete(error)
    state.guard.recorder.rejected(
        error.reason,
        error.status,
        method=request_method(scope),
        path=route_template(scope),
        raw_path=scope["path"],
        ids=_ids(state),
        note=_note(state, error),
    )


def _ids(state: AuthState) -> CredentialIds:
    if state.token is None or not state.guard.recorder.reports_ids:
        return NO_IDS
    return CredentialIds.of(state.token.claims)


def _note(state: AuthState, error: GuardError) -> str | None:
    guard = state.guard
    if not guard.recorder.reports_ids:
        return None
    as_scopes = guard.settings.permissions_as_scopes
    return missing_scopes_note(error, state.token, permissions_as_scopes=as_scopes)


def check_parentheses(name: str, connection: HTTPConnection | None) -> None:
    """Notice ``Depends(require_something)``, which lacks parentheses and would check nothing.

    FastAPI calls what it is given with the connection, and takes whatever it returns.

    Args:
        name: of the function whose call was forgotten.
        connection: what it was called with; a developer gives it none.

    Raises:
        ConfigurationError: the parentheses were forgotten.
    """
    if connection is not None:
        raise ConfigurationError(f"write Depends({name}()), with the inner parentheses")
