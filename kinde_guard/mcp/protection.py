"""How an MCP application is protected: the granted scopes and what a challenge names.

Two authentications may stand before it: the guard's middleware, or an SDK's own with a
:class:`~kinde_guard.mcp.KindeTokenVerifier`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.types import Scope

from kinde_guard.asgi.auth_state import find_auth_state, get_auth_state
from kinde_guard.asgi.public_paths import request_method
from kinde_guard.engine import GuardEngine
from kinde_guard.vocabulary.errors import GuardError, MissingToken
from kinde_guard.vocabulary.events import CredentialIds
from kinde_guard.vocabulary.urls import metadata_url

_SCOPE_KEY: Final = "kinde_guard.mcp"


@dataclass(frozen=True, slots=True)
class Protection:
    """The guard of an SDK's own authentication, for challenges and counters.

    Attributes:
        guard: verifies for the SDK.
        resource: gives the resource identifier, which fastmcp knows once its routes are made.
    """

    guard: GuardEngine
    resource: Callable[[], str | None]


def set_protection(scope: Scope, protection: Protection) -> None:
    """Leave it for the middleware inside."""
    scope[_SCOPE_KEY] = protection


def granted_scopes(scope: Scope) -> frozenset[str]:
    """Return the scopes of the credential of a request.

    Raises:
        MissingToken: no credential was presented, which can only be on a public path.
        HTTPException: 500, because nothing authenticates the application's requests.
    """
    # AuthenticatedUser of both SDKs; the guard's own user has no such attribute.
    granted = getattr(getattr(scope.get("user"), "access_token", None), "scopes", None)
    if isinstance(granted, list):
        return frozenset(granted)
    token = get_auth_state(scope).token
    if token is None:
        raise MissingToken
    return token.scopes


def record_rejection(scope: Scope, error: GuardError, required: tuple[str, ...]) -> None:
    """Count a rejection and complete its challenge.

    Args:
        scope: of the request.
        error: why it is rejected; its headers are written anew.
        required: all scopes that the request needs.
    """
    protection = scope.get(_SCOPE_KEY)
    if isinstance(protection, Protection):
        guard, resource = protection.guard, protection.resource()
    else:
        guard = get_auth_state(scope).guard
        resource = guard.settings.resource
    state = find_auth_state(scope)
    token = None if state is None else state.token
    if state is not None:
        state.rejection = error
    guard.recorder.rejected(
        error.reason,
        error.status,
        request_method(scope),
        raw_path=scope["path"],
        ids=CredentialIds() if token is None else CredentialIds.of(token.claims),
    )
    error.set_challenge(
        realm=guard.settings.realm,
        scope=" ".join(required) or None,
        resource_metadata=None if resource is None else metadata_url(resource),
    )
