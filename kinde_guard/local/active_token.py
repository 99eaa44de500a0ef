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
    subject: str | None = None
    """The id of the person it is of; None for a machine."""
    org_code: str | None = None


def read_active(tenant: Tenant, raw: str) -> ActiveToken | None:
    """Return the access token in ``raw`` if it is active, else None."""
    claims = tenant.keys.read(raw) or {}
    match claims:
        case {
            "iss": tenant.issuer,
            "jti": str(token_id),
            "azp": str(client_id),
            "aud": list(audience),
            "iat": int(issued_at),
            "exp": int(expires_at),
        }:
            times = issued_at, expires_at
            subject, org_code = _person(claims)
            token = ActiveToken(token_id, client_id, audience, *times, subject, org_code)
        case _:
            return None
    # Only an ID token names its issuer as audience.
    is_access_token = tenant.issuer not in audience
    in_time = tenant.clock() < expires_at
    return token if is_access_token and in_time and not tenant.store.is_revoked(token_id) else None


def _person(claims: dict[str, object]) -> tuple[str | None, str | None]:
    subject = claims.get("sub")
    org_code = claims.get("org_code", claims.get("x-hasura-org-code"))
    return (
        subject if isinstance(subject, str) and subject else None,
        org_code if isinstance(org_code, str) else None,
    )
