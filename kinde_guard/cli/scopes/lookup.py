"""What a person names, found in Kinde: an API, an application, scopes. Nothing is ever guessed."""

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
    for found in (
        [api for api in apis if api.audience == name],
        [api for api in apis if name in (api.name, api.id)],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            told = ", ".join(sorted(api.audience or api.id for api in found))
            raise Finding(f"several APIs are called {name!r}; name its audience: {told}")
    known = [api.audience or api.name for api in apis]
    raise Finding(f"Kinde has no API {name!r}{_known(name, known)}")


def application_named(applications: Iterable[Application], name: str) -> Application:
    """Return the application of that client id, or else of that name.

    Raises:
        Finding: there is none, or several have the name.
    """
    every = list(applications)
    by_id = [one for one in every if one.client_id == name]
    found = by_id or [one for one in every if one.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        told = ", ".join(sorted(one.client_id for one in found))
        raise Finding(f"several applications are called {name!r}; name its client id: {told}")
    raise Finding(f"Kinde has no application {name!r}{_known(name, [one.name for one in every])}")


def scopes_named(api: Api, scopes: Sequence[ApiScope], keys: Iterable[str]) -> list[ApiScope]:
    """Return the scopes of these keys, each once.

    Raises:
        Finding: the API lacks one.
    """
    by_key = {scope.key: scope for scope in scopes}
    wanted = list(dict.fromkeys(keys))
    lacking = [key for key in wanted if key not in by_key]
    if lacking:
        hint = _known(lacking[0], list(by_key)) if len(lacking) == 1 else ""
        raise Finding(f"{api.name} has no scope {', '.join(map(repr, lacking))}{hint}")
    return [by_key[key] for key in wanted]


def _known(name: str, known: Sequence[str]) -> str:
    """Return what the person may have meant, if anything is like it, or what there is."""
    if close := get_close_matches(name, known, n=1):
        return f"; did you mean {close[0]!r}?"
    return f"; there is {', '.join(map(repr, known))}" if 0 < len(known) <= 10 else ""
