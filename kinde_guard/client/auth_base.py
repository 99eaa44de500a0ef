"""The base class of an ``auth``: that of httpx, and of httpx2 where it is installed.

Each client accepts instances of its own library's class alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    import httpx2

    class AuthBase(httpx.Auth, httpx2.Auth):
        """An ``auth`` of both libraries, typed for the requests and answers of either."""

        def auth_flow(self, request: Any) -> Generator[Any, Any, None]: ...  # noqa: ANN401, D102
        def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]: ...  # noqa: ANN401, D102
        def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]: ...  # noqa: ANN401, D102

    _BODIES: tuple[type, ...]
else:
    try:
        import httpx2
    except ImportError:
        AuthBase = httpx.Auth
        _BODIES = (httpx.ByteStream,)
    else:

        class AuthBase(httpx.Auth, httpx2.Auth):
            """An ``auth`` of both libraries."""

        _BODIES = (httpx.ByteStream, httpx2.ByteStream)


def is_rewindable(body: object) -> bool:
    """Tell whether the body of a request is in memory, so that it can be sent again."""
    return isinstance(body, _BODIES)
