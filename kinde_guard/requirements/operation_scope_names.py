"""The scope that Kinde makes for an operation when it imports an OpenAPI document.

``GET /users/{userId}`` becomes ``get:users_userid``: method and path in lower case, without braces
and the leading slash, everything else that is no letter or digit an underscore. Where Kinde does
not document what it does (names of more than 64 characters end in a hash of an unknown kind; empty
names, underscores in a row or at an end may be trimmed), no name is guessed: such an operation is
refused.

Source: Kinde, "Custom API scopes".
"""

from __future__ import annotations

import re

from kinde_guard.vocabulary.errors import ConfigurationError

MAX_LENGTH = 64

_UNDOCUMENTED = re.compile(r"[^ -~]|:_|__|_$|:$")


def operation_scope(method: str, path: str) -> str:
    """Return the name of an operation's scope.

    Args:
        method: the HTTP method.
        path: the path as OpenAPI writes it, such as ``/users/{user_id}``.

    Raises:
        ConfigurationError: Kinde does not document which name it would make.

    Example:
        >>> operation_scope("GET", "/users/{userId}")
        'get:users_userid'
    """
    bare = path.removeprefix("/").replace("{", "").replace("}", "")
    name = f"{method}:{re.sub('[^0-9A-Za-z]', '_', bare)}".lower()
    if len(name) > MAX_LENGTH or _UNDOCUMENTED.search(name) or not path.isascii():
        raise ConfigurationError(
            f"{method} {path}: Kinde does not document which scope its import makes for this "
            "operation; name the scope yourself with require_scopes(...)"
        )
    return name
