"""What a token request is made of, checked once, before anything is sent.

No message shows the secret: not even a wrong one, which is often the right one with a slip.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from typing import Any, Final

from kinde_guard.client.secret import Secret
from kinde_guard.vocabulary.checks import hosts
from kinde_guard.vocabulary.errors import ConfigurationError
from kinde_guard.vocabulary.urls import wrong

SCOPE: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")
"""RFC 6749, section 3.3: ``scope-token``."""


def check_http_hosts(given: Any) -> tuple[str, ...]:  # noqa: ANN401 - anything may be given
    """Return the hosts besides loopback that may be reached by plain http.

    Raises:
        ConfigurationError: it is no sequence of host names.
    """
    return hosts("http_hosts", given)


def check_client_id(given: object) -> str:
    """Return the client id.

    Raises:
        ConfigurationError: it is empty or holds white space.
    """
    if not isinstance(given, str) or not given or re.search(r"\s", given):
        raise wrong("client_id", given, "the application's client id, without white space")
    return given


def check_client_secret(given: object) -> Secret:
    """Return the client secret, hidden.

    Raises:
        ConfigurationError: it is empty or holds white space.
    """
    if not isinstance(given, str) or not given or re.search(r"\s", given):
        # Not chained, not shown: see above.
        raise ConfigurationError(
            "client_secret: it must be the application's client secret, a text without white space;"
            " was a line end copied with it?"
        )
    return Secret(given)


def check_audience(given: Any) -> tuple[str, ...]:  # noqa: ANN401 - anything may be given
    """Return the audiences, at least one.

    Raises:
        ConfigurationError: there is none, or one of them is empty.
    """
    names: Any = (given,) if isinstance(given, str) else given
    expected = "the API's audience as registered in Kinde, or a sequence of audiences"
    if not isinstance(names, Sequence) or not names or isinstance(names, bytes):
        raise wrong("audience", given, expected)
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise wrong("audience", given, expected)
    return tuple(dict.fromkeys(names))


def check_scopes(given: Any) -> tuple[str, ...] | None:  # noqa: ANN401 - anything may be given
    """Return the scopes to ask for; None for all that are granted.

    Raises:
        ConfigurationError: there is none, or one of them is no scope name.
    """
    if given is None:
        return None
    expected = "a sequence of scope names such as ['read:users'], or None for all that are granted"
    # A str is a sequence too, of characters; and asking for no scope at all means asking for all.
    is_names = isinstance(given, (Sequence, set, frozenset)) and not isinstance(given, (str, bytes))
    if not is_names or not given:
        raise wrong("scopes", given, expected)
    names = sorted(given) if isinstance(given, (set, frozenset)) else given
    if not all(isinstance(name, str) and SCOPE.fullmatch(name) for name in names):
        raise wrong("scopes", given, expected)
    return tuple(dict.fromkeys(names))


def check_seconds(name: str, given: Any, *, above: bool = False) -> float:  # noqa: ANN401
    """Return a number of seconds, 0 or more, or more than 0 if ``above``.

    Raises:
        ConfigurationError: it is no such number.
    """
    is_number = isinstance(given, (int, float)) and not isinstance(given, bool)
    if not is_number or not math.isfinite(given) or given < 0 or (above and given == 0):
        raise wrong(name, given, f"a number of seconds, {'more than 0' if above else '0 or more'}")
    return float(given)


def read_variable(*names: str) -> str:
    """Return the first of these environment variables that is set and not blank.

    Raises:
        ConfigurationError: none of them is; it names them.
    """
    for name in names:
        value = os.environ.get(name, "").strip()
        if value:
            return value
    raise ConfigurationError(f"set {' or '.join(names)} in the environment")
