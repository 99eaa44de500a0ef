"""Paths that need no token, or that the guard does not look at.

A path is compared as the router will match it: without the prefix under which the application is
mounted, percent-decoded once by the server. What another parser might read as a different path (dot
segments, doubled slashes, backslashes, percent signs that survived decoding) is never below a
public prefix, so nothing can be reached through such a spelling.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import Scope

WEBSOCKET = "WS"
"""Stands for the method of a WebSocket handshake."""


class PublicPaths:
    """A set of exact paths and of prefixes, each for every method or for some.

    Args:
        paths: ``/health`` is that path alone; ``/static/*`` is ``/static`` and all below it. After
            a method, as in ``POST /hooks``, a path is public for that method of HTTP alone; ``GET``
            stands for ``HEAD`` too, and ``WS`` for WebSockets.

    Example:
        >>> public = PublicPaths(["/health", "/static/*", "POST /hooks"])
        >>> [path in public for path in ("/health", "/health/", "/static/a.css", "/static/../a")]
        [True, False, True, False]
        >>> public.matches("POST", "/hooks"), public.matches("GET", "/hooks")
        (True, False)
    """

    __slots__ = ("_by_method", "_every")

    def __init__(self, paths: Iterable[str]) -> None:
        by_method: dict[str, list[str]] = {}
        for given in paths:
            method, _, path = given.rpartition(" ")
            by_method.setdefault(method, []).append(path)
        by_method.setdefault("HEAD", []).extend(by_method.get("GET", ()))
        self._every = _Paths(by_method.pop("", ()))
        self._by_method = {method: _Paths(listed) for method, listed in by_method.items() if listed}

    def matches(self, method: str, path: str) -> bool:
        """Tell whether a path is public for a method.

        Args:
            method: of HTTP, in capitals, or ``WS``.
            path: as the router matches it.
        """
        if self._every.match(path):
            return True
        some = self._by_method.get(method)
        return some is not None and some.match(path)

    def __contains__(self, path: str) -> bool:
        """Tell whether a path is public for every method."""
        return self._every.match(path)

    def __bool__(self) -> bool:
        return bool(self._every) or bool(self._by_method)


class _Paths:
    __slots__ = ("_exact", "_prefixes")

    def __init__(self, paths: Iterable[str]) -> None:
        given = tuple(paths)
        prefixes = [path.removesuffix("/*") for path in given if path.endswith("/*")]
        self._exact = frozenset(given).difference(f"{prefix}/*" for prefix in prefixes)
        self._exact |= {prefix for prefix in prefixes if prefix}
        self._prefixes = tuple(f"{prefix}/" for prefix in prefixes)

    def match(self, path: str) -> bool:
        if path in self._exact:
            return True
        return path.startswith(self._prefixes) and _is_unambiguous(path)

    def __bool__(self) -> bool:
        return bool(self._exact or self._prefixes)


def request_method(scope: Scope) -> str:
    """Return the HTTP method of a request, or ``WS`` for a WebSocket."""
    return WEBSOCKET if scope["type"] == "websocket" else str(scope.get("method", ""))


def route_path(scope: Scope) -> str:
    """Return the path that the application's router matches.

    Source: ASGI specification, ``root_path``; Starlette's router does the same.

    Example:
        >>> route_path({"path": "/mounted/health", "root_path": "/mounted"})
        '/health'
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    rest = path[len(root) :]
    return rest if root and path.startswith(root) and rest[:1] in {"/", ""} else path


def _is_unambiguous(path: str) -> bool:
    # What was no UTF-8 became U+FFFD: many paths would read the same.
    if not path.isprintable() or not {"\\", "%", "\ufffd"}.isdisjoint(path):
        return False
    *folders, _last = segments = path.split("/")[1:]
    # Some servers take what follows a semicolon for a parameter, and "..;" for "..".
    plain = {segment.partition(";")[0] for segment in segments}
    return "" not in folders and not {".", ".."} & plain
