"""The revocations in force at one moment, as the verifier asks them.

Immutable, and nothing but dictionaries: a check costs a look-up for each kind of subject and waits
for nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from kinde_guard.revocation.entries import Entry, Kind, Subject
from kinde_guard.vocabulary.errors import InvalidClaim, RevokedToken

_NEVER = -math.inf

# What a tenant that maps its claims for Hasura calls the organization.
_HASURA_ORGANIZATION = "x-hasura-org-code"


class Snapshot:
    """Revocations in force.

    Args:
        entries: the entries of all subjects; restored ones revoke nothing.
        keep_for: seconds that an entry is kept.
        clock: seconds since the epoch, for tokens that do not tell when they were issued.

    Source: RFC 7519, section 4.1.6 (``iat``).

    Example:
        >>> user = Subject(Kind.USER, "kp_1")
        >>> snapshot = Snapshot({user: Entry(100, 100, False, 100)}, 60, lambda: 100.0)
        >>> try:
        ...     snapshot.check({"sub": "kp_1", "iat": 100, "exp": 160})
        ... except RevokedToken as error:
        ...     error.reason
        'revoked_token'
        >>> snapshot.check({"sub": "kp_1", "iat": 101, "exp": 160})
    """

    __slots__ = ("_clients", "_clock", "_keep_for", "_organizations", "_tokens", "_users")

    def __init__(
        self, entries: Mapping[Subject, Entry], keep_for: float, clock: Callable[[], float]
    ) -> None:
        revoked: dict[str, dict[str, float]] = {kind: {} for kind in Kind}
        for (kind, name), entry in entries.items():
            if not entry.restored:
                revoked[kind][name] = entry.before
        self._users = revoked[Kind.USER]
        self._organizations = revoked[Kind.ORGANIZATION]
        self._clients = revoked[Kind.CLIENT]
        self._tokens = revoked[Kind.TOKEN]
        self._keep_for = keep_for
        self._clock = clock

    def check(self, claims: Mapping[str, Any]) -> None:
        """Check the claims of a verified access token, or of an API key.

        Args:
            claims: of a token ``iat``, ``exp``, ``sub``, ``org_code``, ``azp`` and ``jti`` count;
                of an API key, which has no ``iss``, ``user_id`` and ``org_code``.

        Raises:
            InvalidClaim: the token lives longer than revocations are kept.
            RevokedToken: it, its user, organization or application was revoked.
        """
        issued_at = _issued_at(claims.get("iat"))
        self._check_lifetime(claims.get("exp"), issued_at)
        # Whenever it was issued: a token whose id is known has been issued already.
        if _is_revoked(self._tokens, claims.get("jti"), _NEVER):
            raise RevokedToken
        user = claims.get("sub") or (None if "iss" in claims else claims.get("user_id"))
        organization = claims.get("org_code") or claims.get(_HASURA_ORGANIZATION)
        if (
            _is_revoked(self._users, user, issued_at)
            or _is_revoked(self._organizations, organization, issued_at)
            or _is_revoked(self._clients, claims.get("azp"), issued_at)
        ):
            raise RevokedToken

    def _check_lifetime(self, expires_at: int | float | None, issued_at: float) -> None:
        # What does not expire is an API key: Kinde is asked for it time and again.
        if expires_at is None:
            return
        since = self._clock() if issued_at == _NEVER else issued_at
        if expires_at - since > self._keep_for:
            raise InvalidClaim

    @property
    def size(self) -> int:
        """The number of revocations."""
        tables = (self._users, self._organizations, self._clients, self._tokens)
        return sum(len(table) for table in tables)

    def __repr__(self) -> str:
        return f"<Snapshot of {self.size} revocations>"


def _issued_at(issued_at: int | float | None) -> float:
    # Without "iat" nothing shows that a token is younger than a revocation.
    return _NEVER if issued_at is None else math.floor(issued_at)


def _is_revoked(revoked: Mapping[str, float], name: object, issued_at: float) -> bool:
    if not revoked or not isinstance(name, str):
        return False
    moment = revoked.get(name)
    return moment is not None and issued_at <= moment
