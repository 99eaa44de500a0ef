"""Paths that need no token.

A path is compared as the router will see it: without the prefix under which the application is
mounted, percent-decoded once by the server. What another parser might read as a different path (dot
segments, doubled slashes, backslashes, percent signs that survived decoding) is never below a
public prefix, so nothing can be reached through one.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import Scope


class PublicPaths:
    """A set of exact paths and of prefixes.

    Args:
        paths: ``/health`` is that path alone; ``/static/*`` is ``/static`` and all below it.

    Example:
        >>> public = PublicPaths(["/health", "/static/*"])
        >>> [path in public for path in ("/health", "/health/", "/static/a.css", "/static/../a")]
        [True, False, True, False]
    """

    __slots__ = ("_exact", "_prefixes")

    def __init__(self, paths: Iterable[str]) -> None:
        given = tuple(paths)
        prefixes = [path.removesuffix("/*") for path in given if path.endswith("/*")]
        self._exact = frozenset(given).difference(f"{prefix}/*" for prefix in prefixes)
        self._exact |= {prefix for prefix in prefixes if prefix}
        self._prefixes = tuple(f"{prefix}/" for prefix in prefixes)

    def __contains__(self, path: str) -> bool:
        if path in self._exact:
            return True
        return path.startswith(self._prefixes) and _is_unambiguous(path)


def route_path(scope: Scope) -> str:
    """Return the path that the application's router matches.

    Source: ASGI specification, ``root_path``; Starlette's router does the same.

    Example:
        >>> route_path({"path": "/mounted/health", "root_path": "/mounted"})
        '/health'
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    below = path[len(root) :]
    return below if root and path.startswith(root) and below[:1] in {"/", ""} else path


def _is_unambiguous(path: str) -> bool:
    # What was no UTF-8 became U+FFFD: many paths would read the same.
    if not path.isprintable() or not {"\\", "%", "\ufffd"}.isdisjoint(path):
        return False
    *folders, _last = segments = path.split("/")[1:]
    # Some servers take what follows a semicolon for a parameter, and "..;" for "..".
    return "" not in folders and not {".", ".."} & {one.partition(";")[0] for one in segments}
