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
from kinde_guard.engine import GuardEngine
from kinde_guard.requirements.dependency import record_rejection
from kinde_guard.vocabulary.errors import GuardError, MissingToken
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


def reject_call(scope: Scope, error: GuardError, required: tuple[str, ...]) -> None:
    """Record a rejection and complete its challenge.

    Args:
        scope: of the request.
        error: why it is rejected; its headers are written anew.
        required: all scopes that the request needs, for a challenge to a caller without a token.
    """
    named = " ".join(required) if isinstance(error, MissingToken) and required else None
    state, protection = find_auth_state(scope), scope.get(_SCOPE_KEY)
    if state is not None:
        record_rejection(scope, state, error)
        state.guard.complete(error, named)
    elif isinstance(protection, Protection):
        _record_for_sdk(scope, protection, error)


def _record_for_sdk(scope: Scope, protection: Protection, error: GuardError) -> None:
    guard, resource = protection.guard, protection.resource()
    method, path = scope["method"], scope["path"]
    guard.recorder.rejected(error.reason, error.status, method=method, raw_path=path)
    guard.recorder.request_ended(error.reason)
    error.set_challenge(
        realm=guard.settings.realm,
        resource_metadata=None if resource is None else metadata_url(resource),
    )
