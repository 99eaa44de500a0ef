"""A verified access token, as the code behind the guard sees it.

It is immutable: no attribute can be set, and the claims of one request are not those of another
even when both carry the same token, so a handler that changes a nested claim changes its own copy.
The token itself is in none of the text forms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal, NoReturn

from kinde_guard.jose.compact_jws import decode_payload
from kinde_guard.jose.strict_json import loads
from kinde_guard.verification.claims import HASURA, audience_of
from kinde_guard.verification.entitlements import (
    feature_values,
    is_user,
    permission_names,
    role_keys,
)
from kinde_guard.verification.scopes import granted_scopes

Kind = Literal["user", "machine", "api_key"]
"""Whom a credential belongs to: a signed-in user, an application, or the holder of an API key."""


class AccessToken:
    """The facts of one verified credential. Also Starlette's ``request.user``.

    Guards make these; make one yourself only in tests, where it counts as verified.

    Args:
        claims: the payload.
        raw: the token as received; never shown by ``repr`` or ``str``.
        scope_claims: claims that may hold the scopes; the first that is present decides.

    Source: RFC 7519; Kinde, "About access tokens" and "Token structure".

    Example:
        >>> token = AccessToken({"azp": "reporting", "scope": "read:users"})
        >>> token.principal, sorted(token.scopes), token.kind
        ('reporting', ['read:users'], 'machine')
    """

    # Not a dataclass, and not a pydantic model: FastAPI would read a parameter of such a type from
    # the body of the request where the Depends was forgotten, and a caller could send a token of
    # its own making. As it is, FastAPI refuses such a route at import. For the same reason the
    # claims have no name to be given by: Depends(AccessToken) would fill them in from the request.
    #
    # Private slots behind properties without setters: a __setattr__ that raises would make the
    # constructor write around it, which costs a remembered token half of its way through the guard.
    __slots__ = ("_claims", "_raw", "_scopes")

    _claims: Mapping[str, Any] | None
    _raw: str
    _scopes: frozenset[str]

    def __init__(
        self,
        claims: Mapping[str, Any],
        /,
        raw: str = "",
        *,
        scope_claims: Sequence[str] = ("scope", "scp"),
    ) -> None:
        self._claims = MappingProxyType(dict(claims))
        self._raw = raw
        self._scopes = granted_scopes(claims, scope_claims)

    @classmethod
    def verified(
        cls, raw: str, scopes: frozenset[str], claims: dict[str, Any] | None = None
    ) -> AccessToken:
        """Make a token of one that was verified.

        Args:
            raw: the token.
            scopes: what it was granted.
            claims: its payload, which belongs to this token alone; parsed when it is first read
                if not given.
        """
        token = cls.__new__(cls)
        token._claims = None if claims is None else MappingProxyType(claims)  # noqa: SLF001
        token._raw = raw  # noqa: SLF001
        token._scopes = scopes  # noqa: SLF001
        return token

    @classmethod
    def of_api_key(cls, claims: Mapping[str, Any], scopes: frozenset[str]) -> AccessToken:
        """Make the facts of an API key that was verified.

        Args:
            claims: what Kinde answered: ``key_id``, ``user_id``, ``org_code``.
            scopes: names of the scopes that the key has.

        Source: Kinde, "Verify API keys".

        Example:
            >>> key = AccessToken.of_api_key({"key_id": "api_key_1"}, frozenset({"read:users"}))
            >>> key.kind, key.principal, key.is_machine, key.expires_at
            ('api_key', 'api_key_1', True, None)
        """
        return _ApiKeyToken.verified("", scopes, dict(claims))

    @property
    def raw(self) -> str:
        """The token as received, for calls on the caller's behalf; empty for an API key."""
        return self._raw

    @property
    def scopes(self) -> frozenset[str]:
        """Names of the scopes that were granted."""
        return self._scopes

    @property
    def claims(self) -> Mapping[str, Any]:
        """Every claim, read-only, and this request's own copy."""
        claims = self._claims
        if claims is None:
            claims = self._claims = MappingProxyType(loads(decode_payload(self._raw)))
        return claims

    @property
    def kind(self) -> Kind:
        """``user``, ``machine`` or ``api_key``."""
        return "user" if is_user(self.claims) else "machine"

    @property
    def key_id(self) -> str | None:
        """The id of an API key; ``None`` for tokens."""
        return None

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
        """The user, or else the application, or else the API key."""
        return self.subject or self.client_id or self.key_id

    @property
    def issuer(self) -> str | None:
        """``iss``: the issuer of the token."""
        return self.claims.get("iss")

    @property
    def audience(self) -> tuple[str, ...]:
        """``aud``: the APIs that the token is meant for."""
        return audience_of(self.claims.get("aud", []))

    @property
    def permissions(self) -> frozenset[str]:
        """The user's permissions in the organization; empty where the token names none."""
        return permission_names(self.claims)

    @property
    def roles(self) -> frozenset[str]:
        """Keys of the user's roles in the organization; empty where the token names none."""
        return role_keys(self.claims)

    @property
    def features(self) -> Mapping[str, Any]:
        """Values of the feature flags by their keys, read-only."""
        return MappingProxyType(feature_values(self.claims))

    @property
    def org_code(self) -> str | None:
        """The organization that the token is bound to, if any."""
        code: str | None = self.claims.get("org_code", self.claims.get(HASURA + "org-code"))
        return code

    @property
    def is_machine(self) -> bool:
        """Whether there is no signed-in user: client credentials, or no user in the token."""
        return not is_user(self.claims)

    @property
    def issued_at(self) -> datetime | None:
        """``iat`` as an aware datetime (UTC)."""
        return _moment(self.claims.get("iat"))

    @property
    def expires_at(self) -> datetime | None:
        """``exp`` as an aware datetime (UTC); every verified token has one, API keys have none."""
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

    def __copy__(self) -> AccessToken:
        return self

    def __deepcopy__(self, _memo: object) -> AccessToken:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("an AccessToken holds a secret and is not pickled; pickle its claims")

    def __repr__(self) -> str:
        return f"<AccessToken of kind {self.kind}, {len(self.scopes)} scopes>"


class _ApiKeyToken(AccessToken):
    # The claims are Kinde's answer about a key, not those of a JWT: `exp` or `azp` mean nothing.
    __slots__ = ()

    @property
    def kind(self) -> Kind:
        return "api_key"

    @property
    def key_id(self) -> str | None:
        return self._text("key_id")

    @property
    def subject(self) -> str | None:
        return self._text("user_id")

    @property
    def client_id(self) -> str | None:
        return None

    @property
    def issuer(self) -> str | None:
        return None

    @property
    def audience(self) -> tuple[str, ...]:
        return ()

    @property
    def org_code(self) -> str | None:
        return self._text("org_code")

    @property
    def is_machine(self) -> bool:
        return self.subject is None

    @property
    def issued_at(self) -> datetime | None:
        return None

    @property
    def expires_at(self) -> datetime | None:
        return None

    @property
    def token_id(self) -> str | None:
        return None

    def _text(self, name: str) -> str | None:
        value = self.claims.get(name)
        return value if isinstance(value, str) and value else None


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
