"""MCP servers behind a guard: token verification for both SDKs, and scopes for tools.

``guard_tools`` works with any ASGI application. ``KindeTokenVerifier`` needs the extra ``mcp`` or
``fastmcp``, ``KindeAuthProvider`` needs ``fastmcp``; the SDKs are imported with the first use of
these names.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kinde_guard.mcp.tool_guard import ToolGuard, guard_tools
from kinde_guard.mcp.verification_errors import VerificationErrorMiddleware

if TYPE_CHECKING:
    from kinde_guard.mcp.auth_provider import KindeAuthProvider
    from kinde_guard.mcp.token_verifier import KindeTokenVerifier

__all__ = [
    "KindeAuthProvider",
    "KindeTokenVerifier",
    "ToolGuard",
    "VerificationErrorMiddleware",
    "guard_tools",
]

_OF_AN_EXTRA = {
    "KindeAuthProvider": ("auth_provider", "the extra fastmcp"),
    "KindeTokenVerifier": ("token_verifier", "the extra mcp or fastmcp"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a class of an extra
    if name not in _OF_AN_EXTRA:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, extra = _OF_AN_EXTRA[name]
    try:
        return getattr(import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in {"mcp", "fastmcp"}:
            raise
        raise ImportError(f"{name} needs {extra} of kinde-guard", name=error.name) from error
