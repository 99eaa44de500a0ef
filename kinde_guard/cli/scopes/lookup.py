"""Resolves the names of APIs, applications and scopes; ambiguous names are errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from kinde_guard.cli.errors import Finding
from kinde_guard.cli.scopes.management import Api, ApiScope, Application


def api_named(apis: Sequence[Api], name: str) -> Api:
    """Return the API of that audience, or else of that name or id.

    Raises:
        Finding: there is none, or several have the name.
    """
    for matches in (
        [api for api in apis if api.audience == name],
        [api for api in apis if name in (api.name, api.id)],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            candidates = ", ".join(sorted(api.audience or api.id for api in matches))
            raise Finding(f"several APIs are called {name!r}; name its audience: {candidates}")
    known = [api.audience or api.name for api in apis]
    raise Finding(f"Kinde has no API {name!r}{_known(name, known)}")


def application_named(applications: Iterable[Application], name: str) -> Application:
    """Return the application of that client id, or else of that name.

    Raises:
        Finding: there is none, or several have the name.
    """
    every = list(applications)
    by_id = [application for application in every if application.client_id == name]
    matches = by_id or [application for application in every if application.name == name]
    if len(matches) == 1:
        return matches[0]
    if matches:
        ids = ", ".join(sorted(application.client_id for application in matches))
        raise Finding(f"several applications are called {name!r}; name its client id: {ids}")
    known = [application.name for application in every]
    raise Finding(f"Kinde has no application {name!r}{_known(name, known)}")


def scopes_named(
    api: Api, scopes: Sequence[ApiScope], keys: Iterable[str], *, advice: str = ""
) -> list[ApiScope]:
    """Return the scopes of these keys, each once.

    Args:
        api: the API.
        scopes: all of its scopes.
        keys: names of scopes.
        advice: the end of the message where a name is unknown.

    Raises:
        Finding: the API lacks one.
    """
    by_key = {scope.key: scope for scope in scopes}
    required = list(dict.fromkeys(keys))
    lacking = [key for key in required if key not in by_key]
    if lacking:
        hint = _known(lacking[0], list(by_key)) if len(lacking) == 1 else ""
        raise Finding(f"{api.name} has no scope {', '.join(map(repr, lacking))}{hint}{advice}")
    return [by_key[key] for key in required]


def _known(name: str, known: Sequence[str]) -> str:
    """Return the closest known name, or a short list of the known names."""
    if close := get_close_matches(name, known, n=1):
        return f"; did you mean {close[0]!r}?"
    return f"; there is {', '.join(map(repr, known))}" if 0 < len(known) <= 10 else ""
