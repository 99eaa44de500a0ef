"""The guard as an authentication provider of fastmcp."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from fastmcp.server.auth import RemoteAuthProvider
from pydantic import AnyHttpUrl, ConfigDict, TypeAdapter
from starlette.middleware import Middleware

from kinde_guard.mcp.token_verifier import KindeTokenVerifier
from kinde_guard.mcp.verification_errors import VerificationErrorMiddleware

if TYPE_CHECKING:
    from kinde_guard.engine import GuardEngine


# Issuers are compared as strings: a slash that was not there is another issuer (RFC 8414, 3.3).
_EXACT_URL: Final = TypeAdapter(AnyHttpUrl, config=ConfigDict(url_preserve_empty_path=True))


class KindeAuthProvider(RemoteAuthProvider):
    """Protects a fastmcp server with Kinde's tokens and API keys.

    Serves the protected resource metadata, verifies through the guard, and answers an outage with
    503 and ``Retry-After``. Which tool needs which scopes is said by
    :func:`~kinde_guard.mcp.guard_tools`, given to ``http_app(middleware=…)``.

    Args:
        guard: verifies; its issuers are the authorization servers of the metadata.
        base_url: the public URL of the server without the path of its MCP endpoint.
        required_scopes: scopes that every request needs; 401 and 403 name them all.
        scopes_supported: scopes of the metadata; ``None`` for ``required_scopes``.
        resource_name: what people call the server; ``None`` takes the guard's.

    Source: RFC 9728; Model Context Protocol, "Authorization", 2026-07-28.

    Example:
        >>> from fastmcp import FastMCP
        >>> from kinde_guard import KindeGuard
        >>> guard = KindeGuard("acme.kinde.com", audience="https://api.acme.com/mcp")
        >>> server = FastMCP("Invoices", auth=KindeAuthProvider(guard, base_url="https://api.acme.com"))
    """

    def __init__(
        self,
        guard: GuardEngine,
        *,
        base_url: str,
        required_scopes: Sequence[str] = (),
        scopes_supported: Iterable[str] | None = None,
        resource_name: str | None = None,
    ) -> None:
        supported = required_scopes if scopes_supported is None else scopes_supported
        super().__init__(
            token_verifier=KindeTokenVerifier(guard, required_scopes=required_scopes),
            authorization_servers=[
                _EXACT_URL.validate_python(issuer) for issuer in guard.settings.issuers
            ],
            base_url=base_url,
            scopes_supported=sorted(set(supported)),
            resource_name=resource_name or guard.settings.resource_name,
        )
        self.guard = guard

    def get_middleware(self) -> list[Any]:
        """Return fastmcp's own middleware inside of that which answers an outage."""
        outermost = Middleware(
            VerificationErrorMiddleware, guard=self.guard, resource=self._resource_identifier
        )
        return [outermost, *super().get_middleware()]

    def _resource_identifier(self) -> str | None:
        # Known once fastmcp has told the path of its endpoint, which is after the middleware.
        return None if self._resource_url is None else str(self._resource_url)
