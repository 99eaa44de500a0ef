"""A verified access token, as the code behind the guard sees it.

It is a set of facts that cannot be changed: no attribute can be set, and the claims of one request
are not those of another even when both carry the same token, so nothing that a handler does to them
reaches anybody else. The token itself stays out of every text form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NoReturn

from kinde_guard.jose.compact_jws import payload_of
from kinde_guard.jose.strict_json import loads
from kinde_guard.verification.claims import HASURA, audience_of
from kinde_guard.verification.scopes import granted_scopes

_write = object.__setattr__


class AccessToken:
    """The facts of one verified token. Also Starlette's ``request.user``.

    Guards make these; make one yourself only in tests, where it is as good as verified.

    Args:
        claims: the payload.
        raw: the token as it came; never shown by ``repr`` or ``str``.
        scope_claims: claims that may hold the scopes; the first that is present decides.

    Attributes:
        raw: the token as it came, for calls on the caller's behalf.
        scopes: names of the scopes that were granted.

    Source: RFC 7519; Kinde, "About access tokens" and "Token structure".

    Example:
        >>> token = AccessToken({"azp": "reporting", "scope": "read:users"})
        >>> token.principal, sorted(token.scopes), token.is_machine
        ('reporting', ['read:users'], True)
    """

    # Not a dataclass, and no pydantic model: FastAPI would read a parameter of such a type from the
    # body of the request when somebody forgets the Depends, and anybody could send a token of their
    # own making. As it is, FastAPI refuses such a route at import. For the same reason the claims
    # have no name to be given by: Depends(AccessToken) would fill them in from the request.
    __slots__ = ("_claims", "raw", "scopes")

    raw: str
    scopes: frozenset[str]
    _claims: Mapping[str, Any] | None

    def __init__(
        self,
        claims: Mapping[str, Any],
        /,
        raw: str = "",
        *,
        scope_claims: Sequence[str] = ("scope", "scp"),
    ) -> None:
        _write(self, "_claims", MappingProxyType(dict(claims)))
        _write(self, "scopes", granted_scopes(claims, scope_claims))
        _write(self, "raw", raw)

    @classmethod
    def verified(cls, raw: str, scopes: frozenset[str]) -> AccessToken:
        """Make a token of one that was verified; its claims are parsed only if they are read."""
        token = cls.__new__(cls)
        _write(token, "_claims", None)
        _write(token, "raw", raw)
        _write(token, "scopes", scopes)
        return token

    @property
    def claims(self) -> Mapping[str, Any]:
        """Every claim, read-only, and this request's own copy."""
        if self._claims is None:
            parsed = MappingProxyType(loads(payload_of(self.raw)))
            _write(self, "_claims", parsed)
            return parsed
        return self._claims

    @property
    def subject(self) -> str | None:
        """``sub``: the user's id (``kp_…``); machines have none."""
        return self.claims.get("sub")

    @property
    def client_id(self) -> str | None:
        """``azp``: the application that asked for the token."""
        return self.claims.get("azp")

    @property
    def principal(self) -> str | None:
        """Who acts: the user, or else the application."""
        return self.subject or self.client_id

    @property
    def issuer(self) -> str | None:
        """``iss``: who issued the token."""
        return self.claims.get("iss")

    @property
    def audience(self) -> tuple[str, ...]:
        """``aud``: whom the token is meant for."""
        return audience_of(self.claims.get("aud", []))

    @property
    def permissions(self) -> frozenset[str]:
        """The user's permissions in the organization; empty where the token names none."""
        value = self.claims.get("permissions", self.claims.get(HASURA + "permissions"))
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            return frozenset(value)
        return frozenset()

    @property
    def org_code(self) -> str | None:
        """The organization that the token is bound to, if any."""
        code: str | None = self.claims.get("org_code", self.claims.get(HASURA + "org-code"))
        return code

    @property
    def is_machine(self) -> bool:
        """Whether an application acts for itself: client credentials, or no user in the token."""
        grants = self.claims.get("gty")
        granted = isinstance(grants, (list, str)) and "client_credentials" in grants
        return granted or self.subject is None

    @property
    def issued_at(self) -> datetime | None:
        """``iat`` as an aware datetime (UTC)."""
        return _moment(self.claims.get("iat"))

    @property
    def expires_at(self) -> datetime | None:
        """``exp`` as an aware datetime (UTC); every verified token has one."""
        return _moment(self.claims.get("exp"))

    @property
    def token_id(self) -> str | None:
        """``jti``: the token's own id."""
        return self.claims.get("jti")

    @property
    def is_authenticated(self) -> bool:
        """Always true: Starlette's ``request.user.is_authenticated``."""
        return True

    @property
    def display_name(self) -> str:
        """The principal: Starlette's ``request.user.display_name``."""
        return self.principal or ""

    @property
    def identity(self) -> str:
        """The principal: Starlette's ``request.user.identity``."""
        return self.principal or ""

    def __setattr__(self, name: str, _value: object) -> NoReturn:
        raise AttributeError(f"an AccessToken cannot be changed: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"an AccessToken cannot be changed: {name}")

    def __copy__(self) -> AccessToken:
        return self

    def __deepcopy__(self, _memo: object) -> AccessToken:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("an AccessToken holds a secret and is not pickled; pickle its claims")

    def __repr__(self) -> str:
        kind = "machine" if self.is_machine else "user"
        return f"<AccessToken of a {kind}, {len(self.scopes)} scopes>"


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
