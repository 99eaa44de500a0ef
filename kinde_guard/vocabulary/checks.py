"""Checks of settings: each takes the setting's name and what was given, and returns what it means.

All raise :class:`ConfigurationError` for what makes no sense.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from kinde_guard.vocabulary.errors import ConfigurationError
from kinde_guard.vocabulary.urls import wrong

Check = Callable[[str, Any], Any]

ASYMMETRIC_ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Algorithms whose keys may be published; with others the verifier could also sign."""


def anything(_name: str, given: Any) -> Any:  # noqa: ANN401 - checked together with others
    """Accept; the value is checked together with other settings."""
    return given


def seconds(minimum: float, maximum: float = math.inf, *, above: bool = False) -> Check:
    """Make a check for a duration of ``minimum`` to ``maximum`` seconds; ``above``: more."""
    span = f"{'more than ' if above else ''}{minimum:g} "
    expected = f"a number of seconds, {span}{'' if above else 'or more'}".rstrip()
    if math.isfinite(maximum):
        expected = f"a number of seconds from {minimum:g} to {maximum:g}"

    def check(name: str, given: Any) -> float:  # noqa: ANN401 - anything may be given
        number = isinstance(given, (int, float)) and not isinstance(given, bool)
        if not number or not math.isfinite(given) or not minimum <= given <= maximum:
            raise wrong(name, given, expected)
        if above and given == minimum:
            raise wrong(name, given, expected)
        return given  # type: ignore[no-any-return]

    return check


def count(minimum: int) -> Check:
    """Make a check for a whole number, ``minimum`` or more."""

    def check(name: str, given: Any) -> int:  # noqa: ANN401 - anything may be given
        if not isinstance(given, int) or isinstance(given, bool) or given < minimum:
            raise wrong(name, given, f"a whole number, {minimum} or more")
        return given

    return check


def flag(name: str, given: object) -> bool:
    """Check that it is True or False."""
    if not isinstance(given, bool):
        raise wrong(name, given, "True or False")
    return given


def names(name: str, given: object) -> tuple[str, ...]:
    """Check that it is a sequence of strings, none of them empty."""
    # A str is a sequence too, of characters, which is never what is meant.
    if isinstance(given, (str, bytes)) or not isinstance(given, Sequence):
        raise wrong(name, given, "a sequence of strings, such as a tuple")
    if not all(isinstance(member, str) and member.strip() for member in given):
        raise wrong(name, given, "a sequence of strings, none of them empty")
    return tuple(given)


def some_names(name: str, given: object) -> tuple[str, ...]:
    """Check that it is a sequence of at least one string."""
    listed = names(name, given)
    if not listed:
        raise wrong(name, given, "a sequence of at least one string")
    return listed


def algorithms(name: str, given: object) -> tuple[str, ...]:
    """Check that all are asymmetric signature algorithms."""
    listed = some_names(name, given)
    if not ASYMMETRIC_ALGORITHMS.issuperset(listed):
        raise wrong(name, given, f"a choice of {', '.join(sorted(ASYMMETRIC_ALGORITHMS))}")
    return listed


def audience(name: str, given: object) -> tuple[str, ...] | None:
    """Check that it is an audience, a sequence of them, or None."""
    if given is None:
        return None
    listed = (given,) if isinstance(given, str) else given
    try:
        return some_names(name, listed)
    except ConfigurationError:
        expected = "the API's audience, a sequence of audiences, or None to accept any"
        raise wrong(name, given, expected) from None


_PATH = re.compile(
    r"(?:(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE|CONNECT|[A-Z]+) )?"
    r"(?:/[^?#*\\%{}]*|(?:/[^?#*\\%{}]+)?/\*)"
)


def paths(name: str, given: object) -> tuple[str, ...]:
    """Check that all are paths, or prefixes of paths, each optionally after a method."""
    listed = names(name, given)
    for path in listed:
        if _PATH.fullmatch(path) is None or {".", ".."} & set(path.split("/")):
            expected = "an exact path such as '/health', or '/prefix/*', optionally after a method"
            raise wrong(name, path, f"{expected}; parameters such as '{{name}}' are not matched")
    return listed


_HOST_NAME = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")


def hosts(name: str, given: object) -> tuple[str, ...]:
    """Check that all are names of hosts, without scheme and port; returned in lower case."""
    listed = tuple(host.lower() for host in names(name, given))
    for host in listed:
        if _HOST_NAME.fullmatch(host) is None:
            raise wrong(name, host, "a host name without scheme and port, such as 'kinde'")
    return listed


# RFC 6750, 3, and RFC 9110, 5.6.4: what may stand in a quoted string as it is.
_QUOTABLE = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]*")


def realm(name: str, given: object) -> str:
    """Check that it can stand in a quoted-string as it is."""
    if not isinstance(given, str) or _QUOTABLE.fullmatch(given) is None:
        raise wrong(name, given, "printable ASCII without quotation marks and backslashes")
    return given


def optional_text(name: str, given: object) -> str | None:
    """Check that it is None or a text that is not empty."""
    if given is not None and (not isinstance(given, str) or not given.strip()):
        raise wrong(name, given, "a text, or None")
    return given


def callable_(name: str, given: object) -> object:
    """Check that it can be called."""
    if not callable(given):
        raise wrong(name, given, "callable")
    return given


def optional_callable(name: str, given: object) -> object:
    """Check that it is None or can be called."""
    return given if given is None else callable_(name, given)


def http_client(name: str, given: object) -> object:
    """Check that it is None or an asynchronous client of httpx or httpx2."""
    # Asked by what it can do, because httpx is not imported here; httpx.Client has no aclose.
    able = all(callable(getattr(given, method, None)) for method in ("stream", "aclose"))
    if given is not None and not able:
        raise wrong(name, type(given).__name__, "an httpx.AsyncClient")
    return given


_EXTENSIONS = {
    "bind": "kinde_guard.ApiKeys(...)",
    "current": "kinde_guard.MemoryRevocations() or RedisRevocations(url)",
}


def extension(method: str) -> Check:
    """Make a check for None or an object that has a method, which tells what it is."""

    def check(name: str, given: object) -> object:
        able = callable(getattr(given, method, None)) and not isinstance(given, type)
        if given is not None and not able:
            raise wrong(name, type(given).__name__, f"{_EXTENSIONS[method]} or None")
        return given

    return check
