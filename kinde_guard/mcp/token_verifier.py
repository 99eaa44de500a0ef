"""The guard as a token verifier of the MCP SDKs.

A rejected credential is ``None`` for both SDKs. What cannot be decided is neither: it is raised, so
that no client is told to throw away a token that is good, and
:class:`~kinde_guard.mcp.VerificationErrorMiddleware` answers it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp.server.auth.provider import AccessToken as SdkAccessToken

from kinde_guard.mcp.verification_errors import VerificationFailed
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.vocabulary.errors import GuardError, InvalidRequest, InvalidToken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kinde_guard.engine import GuardEngine

try:
    from fastmcp.server.auth import TokenVerificationError, TokenVerifier
except ModuleNotFoundError:

    class TokenVerifier:  # type: ignore[no-redef]
        """Stands in for fastmcp's base class where only the official SDK is installed."""

        def __init__(self, *, required_scopes: list[str] | None = None) -> None:
            self.required_scopes = required_scopes or []

    class TokenVerificationError(RuntimeError):  # type: ignore[no-redef]
        """Stands in for fastmcp's exception."""


class VerificationUndecided(VerificationFailed, TokenVerificationError):
    """The credential was not verified; in the form that fastmcp's own providers pass on."""


class KindeTokenVerifier(TokenVerifier):
    """Verifies Kinde's tokens and API keys for an MCP server.

    For the official SDK, and for fastmcp as ``token_verifier`` of an ``OIDCProxy`` or among the
    ``verifiers`` of ``MultiAuth``. Put :class:`~kinde_guard.mcp.VerificationErrorMiddleware`, or
    the guard's own middleware, around such an application.

    Args:
        guard: verifies. Its ``audience`` decides for whom a token must have been issued, so the
            official SDK needs no ``validate_token_resource``.
        required_scopes: scopes that every request needs (fastmcp; the official SDK has them in its
            ``AuthSettings``).

    Source: RFC 6750; RFC 8707; Model Context Protocol, "Authorization", 2026-07-28.

    Example:
        >>> from kinde_guard import KindeGuard
        >>> guard = KindeGuard("acme.kinde.com", audience="https://api.acme.com/mcp")
        >>> verifier = KindeTokenVerifier(guard)
        >>> import asyncio
        >>> asyncio.run(verifier.verify_token("no.token")) is None
        True
    """

    def __init__(self, guard: GuardEngine, *, required_scopes: Sequence[str] = ()) -> None:
        super().__init__(required_scopes=list(required_scopes))
        self.guard = guard

    async def verify_token(self, token: str) -> SdkAccessToken | None:  # type: ignore[override]
        """Return what the SDKs know of a good credential; ``None`` for a rejected credential.

        Args:
            token: the credential alone.

        Raises:
            VerificationFailed: nothing can be decided at the moment; it holds the guard's error.
        """
        try:
            verified = await self.guard.verify(token)
        except (InvalidToken, InvalidRequest):
            return None
        except GuardError as error:
            raise VerificationUndecided(error) from None
        return self._sdk_token(token, verified)

    def _sdk_token(self, raw: str, token: AccessToken) -> SdkAccessToken:
        expires_at = token.expires_at
        return SdkAccessToken(
            token=raw,
            # Both SDKs tell sessions apart by it; an API key has no client, but an id of its own.
            client_id=token.client_id or getattr(token, "key_id", None) or token.principal or "",
            scopes=sorted(token.scopes),
            expires_at=None if expires_at is None else int(expires_at.timestamp()),
            resource=self._resource_of(token),
            subject=token.subject,
            claims=dict(token.claims),
        )

    def _resource_of(self, token: AccessToken) -> str | None:
        settings = self.guard.settings
        ours = settings.audience or ()
        if getattr(token, "kind", None) == "api_key":
            # Kinde's answer holds no audience; the guard accepted the key for its own.
            return settings.resource or next(iter(ours), None)
        candidates = [name for name in token.audience if not ours or name in ours]
        resource = (settings.resource or "").rstrip("/")
        exact = (name for name in candidates if name.rstrip("/") == resource)
        return next(exact, next(iter(candidates), None))
