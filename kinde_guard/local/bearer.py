"""Which person is calling: the bearer token of a request, if it is an active one of a person."""

from __future__ import annotations

from starlette.requests import Request

from kinde_guard.local.active_token import ActiveToken, read_active
from kinde_guard.local.oauth_errors import InvalidBearer
from kinde_guard.local.store import User
from kinde_guard.local.tenant import Tenant


def bearer_of(request: Request) -> str:
    """Return the bearer token of ``request``, "" if it has none (RFC 6750, section 2.1)."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""


def calling_person(tenant: Tenant, raw: str) -> tuple[User, ActiveToken]:
    """Return whom an access token is of, and the token.

    Raises:
        InvalidBearer: it is not active, a machine's, or of a person who may not sign in any more.
    """
    token = read_active(tenant, raw)
    user = tenant.store.user(token.subject) if token and token.subject else None
    if token is None or user is None or user.is_suspended:
        raise InvalidBearer
    return user, token
