"""What Kinde writes into each kind of token: machine access, user access and ID tokens.

Shapes and lifetimes follow Kinde's pages "About access tokens", "About ID tokens" and, for
machines, "Token structure". Two things surprise, and are so on purpose: a machine's token has no
``sub``, and of its two lists of scopes ``scope`` is what was granted, ``scp`` what was asked for.
"""

from __future__ import annotations

import hashlib
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

ACCESS_TOKEN_LIFETIME: Final = 86_400
"""Seconds that an access token lives, unless its application says otherwise."""
ID_TOKEN_LIFETIME: Final = 3_600
"""Seconds that an ID token lives."""


class _Omit:
    """The type of ``OMIT``."""

    def __repr__(self) -> str:
        return "OMIT"


OMIT: Final = _Omit()
"""As the value of a claim: leave this claim out. (None is a value: it becomes JSON null.)"""


@dataclass(frozen=True)
class Validity:
    """From when until when a token holds, in whole seconds since the epoch."""

    issued_at: int
    expires_at: int

    @classmethod
    def starting(cls, now: float, expires_in: int) -> Validity:
        """Return the validity of a token that ends ``expires_in`` seconds from ``now``.

        One that ended in the past was also issued there, a lifetime before its end.
        """
        expires_at = int(now) + expires_in
        past = expires_in <= 0
        return cls(expires_at - ACCESS_TOKEN_LIFETIME if past else int(now), expires_at)


def machine_claims(
    issuer: str,
    validity: Validity,
    *,
    client_id: str,
    audience: Sequence[str],
    scopes: Sequence[str],
    org_code: str | None = None,
) -> dict[str, object]:
    """Return the claims of a client-credentials token that was granted what it asked for."""
    claims: dict[str, object] = {
        "aud": list(audience),
        "azp": client_id,
        "exp": validity.expires_at,
        "gty": ["client_credentials"],
        "iat": validity.issued_at,
        "iss": issuer,
        "jti": str(uuid.uuid4()),
        "org_code": OMIT if org_code is None else org_code,
        "scope": " ".join(scopes),
        "scp": list(scopes),
        "v": "2",
    }
    return without_omitted(claims)


def user_claims(
    issuer: str,
    validity: Validity,
    *,
    client_id: str,
    subject: str,
    audience: Sequence[str],
    scopes: Sequence[str],
    org_code: str | None = None,
    permissions: Iterable[str] | None = None,
) -> dict[str, object]:
    """Return the claims of a signed-in user's access token: its scopes stand in ``scp`` only."""
    claims: dict[str, object] = {
        "aud": list(audience),
        "azp": client_id,
        "exp": validity.expires_at,
        "iat": validity.issued_at,
        "iss": issuer,
        "jti": str(uuid.uuid4()),
        "org_code": OMIT if org_code is None else org_code,
        "permissions": OMIT if permissions is None else list(permissions),
        "scp": list(scopes),
        "sub": subject,
    }
    return without_omitted(claims)


@dataclass(frozen=True)
class Profile:
    """What an ID token tells of a person."""

    given_name: str = "Ada"
    family_name: str = "Lovelace"
    email: str | None = "ada@example.com"
    picture: str = ""
    provided_id: str = ""
    org_codes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.given_name} {self.family_name}".strip()


def id_claims(
    issuer: str,
    validity: Validity,
    *,
    client_id: str,
    subject: str,
    profile: Profile | None = None,
    access_token: str | None = None,
    auth_time: int | None = None,
    nonce: str | None = None,
) -> dict[str, object]:
    """Return the claims of an ID token: its audience names the issuer, and it has no scopes.

    Args:
        issuer: the tenant.
        validity: from when until when it holds.
        client_id: the application.
        subject: the person's id.
        profile: the person; None for some person.
        access_token: what ``at_hash`` is of (OpenID Connect Core, 3.1.3.6); None for another's.
        auth_time: when the person signed in, in whole seconds; None for when it was issued.
        nonce: that of the authorization request, if it had one.
    """
    person = profile or Profile()
    claims = {
        "at_hash": "9p2cd3XTK0nrfNFb0GUKSg" if access_token is None else at_hash(access_token),
        "aud": [issuer, client_id],
        "auth_time": validity.issued_at if auth_time is None else auth_time,
        "azp": client_id,
        "email": OMIT if person.email is None else person.email,
        "exp": validity.expires_at,
        "family_name": person.family_name,
        "given_name": person.given_name,
        "iat": validity.issued_at,
        "iss": issuer,
        "jti": str(uuid.uuid4()),
        "name": person.name,
        "nonce": OMIT if nonce is None else nonce,
        "org_codes": list(person.org_codes),
        "picture": person.picture,
        "provided_id": person.provided_id,
        "sub": subject,
        "updated_at": validity.issued_at if auth_time is None else auth_time,
    }
    return without_omitted(claims)


def at_hash(access_token: str) -> str:
    """Return the left half of the token's SHA-256, as OpenID Connect Core, 3.1.3.6, has it."""
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    return urlsafe_b64encode(half).rstrip(b"=").decode()


def without_omitted(claims: Mapping[str, object]) -> dict[str, object]:
    """Return ``claims`` less every one whose value is ``OMIT``."""
    return {name: value for name, value in claims.items() if value is not OMIT}


def new_user_id() -> str:
    """Return a user id in Kinde's form: ``kp_`` and 32 hex digits."""
    return f"kp_{uuid.uuid4().hex}"
