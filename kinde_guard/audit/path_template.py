"""A route's path as its framework writes it, from the root of the application: ``/users/{id:int}``.

Starlette compiles the path of each route alone; here the paths of mounts and routes are joined
first, so one name may occur twice, and the last one counts as it does in ``path_params``.

Source: Starlette, "Path Parameters".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from starlette.convertors import CONVERTOR_TYPES, Convertor
from starlette.routing import PARAM_REGEX


class PathTemplate:
    """Matches the paths that a template stands for.

    Args:
        template: literal text and parameters, ``{name}`` or ``{name:convertor}``.

    Example:
        >>> PathTemplate("/users/{id:int}").match("/users/7")
        {'id': 7}
        >>> PathTemplate("/static/{path:path}").overlaps("/static/app")
        True
    """

    __slots__ = ("_parameters", "_regex", "plain", "text")

    def __init__(self, template: str) -> None:
        self.text = template
        self._parameters: list[tuple[str, Convertor[Any]]] = []
        self.plain = ""
        """The template without its convertors, as OpenAPI writes it."""
        regex, end = "", 0
        for found in PARAM_REGEX.finditer(template):
            name, kind = found.groups("str")
            convertor = CONVERTOR_TYPES[kind.removeprefix(":")]
            self._parameters.append((name, convertor))
            literal = template[end : found.start()]
            regex += f"{re.escape(literal)}({convertor.regex})"
            self.plain += f"{literal}{{{name}}}"
            end = found.end()
        self.plain += template[end:]
        self._regex = re.compile(regex + re.escape(template[end:]))

    def match(self, path: str) -> dict[str, Any] | None:
        """Return the parameters that a path gives; ``None`` if it is not of this template."""
        found = self._regex.fullmatch(path)
        if found is None:
            return None
        # A convertor's own expression may have groups, so they are counted from each one's place.
        values: dict[str, Any] = {}
        group = 1
        for name, convertor in self._parameters:
            values[name] = convertor.convert(found.group(group))
            group += 1 + re.compile(convertor.regex).groups
        return values

    def overlaps(self, prefix: str) -> bool:
        """Tell whether some path of this template is ``prefix`` or lies below it.

        Args:
            prefix: a path without parameters, such as ``/static``.
        """
        return _overlap(_segments(self.text), _segments(prefix))


def _overlap(template: Sequence[str], prefix: Sequence[str]) -> bool:
    for number, wanted in enumerate(prefix):
        if number == len(template):
            return False
        if template[number].endswith(":path}"):
            return True
        if template[number] != wanted and "{" not in template[number]:
            return False
    return True


def _segments(path: str) -> list[str]:
    return path.strip("/").split("/") if path.strip("/") else []
