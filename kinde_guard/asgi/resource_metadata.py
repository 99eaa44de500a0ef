"""OAuth 2.0 Protected Resource Metadata: what a client needs to know before it asks for a token.

Everything is derived from the configured resource identifier. Nothing of the request, above all not
its ``Host``, reaches the document, so a cache or a proxy cannot be made to serve another one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from kinde_guard.asgi.public_paths import route_path
from kinde_guard.engine import GuardEngine
from kinde_guard.vocabulary.urls import metadata_url

_METHODS: Final = "GET, HEAD, OPTIONS"
_CORS: Final = {"Access-Control-Allow-Origin": "*"}
_PREFLIGHT: Final = {
    **_CORS,
    "Access-Control-Allow-Methods": _METHODS,
    # The wildcard of the Fetch standard does not cover Authorization.
    "Access-Control-Allow-Headers": "*, Authorization",
    "Access-Control-Max-Age": "3600",
}
_NOT_ALLOWED: Final = {"type": "about:blank", "title": "Method Not Allowed", "status": 405}

# Scopes that ask for a refresh token; they are the client's affair and no resource's.
_REFRESH_SCOPES: Final = frozenset({"offline", "offline_access"})


class ResourceMetadata:
    """Serves the metadata of one protected resource.

    Args:
        resource: the resource identifier, exactly as clients are to compare it.
        name: what people call the resource; ``None`` leaves it out.
        authorization_servers: issuers whose tokens the resource accepts.
        scopes: called for each answer; gives the names of all scopes that the resource asks for.

    Attributes:
        url: where the metadata stands, for the ``resource_metadata`` of challenges.
        path: the path of that URL, percent-decoded as an ASGI server does.

    Source: RFC 9728, sections 2, 3 and 5.1.

    Example:
        >>> metadata = ResourceMetadata(
        ...     "https://api.acme.com/mcp",
        ...     name=None,
        ...     authorization_servers=["https://acme.kinde.com"],
        ...     scopes=lambda: ["invoices:write", "offline"],
        ... )
        >>> metadata.path, metadata.document()["scopes_supported"]
        ('/.well-known/oauth-protected-resource/mcp', ['invoices:write'])
    """

    def __init__(
        self,
        resource: str,
        *,
        name: str | None,
        authorization_servers: Sequence[str],
        scopes: Callable[[], Iterable[str]],
    ) -> None:
        self.resource = resource
        self.url = metadata_url(resource)
        self.path = unquote(urlsplit(self.url).path)
        self._name = name
        self._authorization_servers = tuple(authorization_servers)
        self._scopes = scopes

    def matches(self, scope: Scope) -> bool:
        """Return whether a request is for this metadata, whatever its method.

        The path is that which the application's router matches, as with public paths.
        """
        return scope["type"] == "http" and route_path(scope) == self.path

    def document(self) -> dict[str, Any]:
        """Return the metadata; members without a value are left out (RFC 9728, section 3.2)."""
        members = {
            "resource": self.resource,
            "resource_name": self._name,
            "authorization_servers": list(self._authorization_servers),
            "scopes_supported": sorted(set(self._scopes()) - _REFRESH_SCOPES),
            "bearer_methods_supported": ["header"],
        }
        return {name: value for name, value in members.items() if value}

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for the metadata: GET, HEAD or OPTIONS, from any origin.

        Any other method gets 405. The path is not looked at; see :meth:`matches`.
        """
        await self._response(scope["method"])(scope, receive, send)

    def routes(self) -> list[BaseRoute]:
        """Return the metadata as a route, for the application at the root of the host.

        For a guard inside of a mounted application, which does not see the well-known path.

        Example:
            >>> from starlette.applications import Starlette
            >>> metadata = ResourceMetadata(
            ...     "https://api.acme.com/mcp",
            ...     name=None,
            ...     authorization_servers=["https://acme.kinde.com"],
            ...     scopes=tuple,
            ... )
            >>> app = Starlette(routes=metadata.routes())
        """
        return [Route(self.path, _Endpoint(self), include_in_schema=False)]

    def _response(self, method: str) -> Response:
        if method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": _METHODS, **_PREFLIGHT})
        if method not in {"GET", "HEAD"}:
            headers = {"Allow": _METHODS, "Cache-Control": "no-store", **_CORS}
            return _json(_NOT_ALLOWED, 405, headers, "application/problem+json")
        headers = {"Cache-Control": "public, max-age=300", **_CORS}
        return _json(self.document(), 200, headers, "application/json", body=method == "GET")


def resource_metadata(
    guard: GuardEngine, scopes: Callable[[], Iterable[str]]
) -> ResourceMetadata | None:
    """Return the metadata of a guard's resource; ``None`` where the guard names none.

    Args:
        guard: its settings name the resource and the issuers.
        scopes: gives the names of all scopes that the resource asks for.
    """
    settings = guard.settings
    if settings.resource is None:
        return None
    return ResourceMetadata(
        settings.resource,
        name=settings.resource_name,
        authorization_servers=settings.issuers,
        scopes=scopes,
    )


class _Endpoint:
    # Starlette takes a function for one that returns a response, and anything else for an ASGI
    # application that answers every method.
    def __init__(self, metadata: ResourceMetadata) -> None:
        self._metadata = metadata

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._metadata.answer(scope, receive, send)


def _json(
    members: dict[str, Any],
    status: int,
    headers: dict[str, str],
    media_type: str,
    *,
    body: bool = True,
) -> Response:
    content = json.dumps(members).encode()
    response = Response(content, status, headers, media_type)
    if not body:
        # RFC 9110, 9.3.2: the headers are those of GET, its length among them.
        response.body = b""
    return response
