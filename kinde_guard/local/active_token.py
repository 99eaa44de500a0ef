"""Which tokens are active: ours, access tokens, in time, and not revoked.

A Kinde access token is otherwise valid until it expires; revoking one shows here alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from kinde_guard.local.tenant import Tenant


@dataclass(frozen=True)
class ActiveToken:
    """What introspection and revocation need to know of an active access token."""

    token_id: str
    client_id: str
    audience: list[object]
    issued_at: int
    expires_at: int


def read_active(tenant: Tenant, raw: str) -> ActiveToken | None:
    """Return the access token in ``raw`` if it is active, else None."""
    match tenant.keys.read(raw):
        case {
            "iss": tenant.issuer,
            "jti": str(token_id),
            "azp": str(client_id),
            "aud": list(audience),
            "iat": int(issued_at),
            "exp": int(expires_at),
        }:
            token = ActiveToken(token_id, client_id, audience, issued_at, expires_at)
        case _:
            return None
    # Only an ID token names its issuer as audience.
    is_access_token = tenant.issuer not in audience
    in_time = tenant.clock() < expires_at
    return token if is_access_token and in_time and not tenant.store.is_revoked(token_id) else None
