"""A request that is only thought of: which operation would answer it, and what that one asks for.

The route's own dependencies decide, as they would for a real request; its handler is never called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from fastapi.dependencies.models import Dependant
from fastapi.security import SecurityScopes
from starlette.requests import HTTPConnection

from kinde_guard import KindeGuard
from kinde_guard.asgi.auth_state import admit
from kinde_guard.audit.findings import answering
from kinde_guard.audit.operations import WEBSOCKET, Operation, routed
from kinde_guard.cli.errors import WrongUsage
from kinde_guard.requirements.requirement import Requirement
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.vocabulary.errors import AccessDenied, GuardError
from kinde_guard.vocabulary.settings import Settings


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and who would answer it.

    Attributes:
        method: in capitals, or ``WS``.
        path: percent-decoded, without a query.
        operation: what answers it.
        parameters: what the path gives the operation.
    """

    method: str
    path: str
    operation: Operation
    parameters: dict[str, Any]


def find(app: object, written: str, address: str) -> Request:
    """Return the request that a person wrote.

    Args:
        app: the application.
        written: ``GET /users/1``, ``/users/1`` or ``WS /feed``; a whole URL in place of the path.
        address: the application's, for the message.

    Raises:
        WrongUsage: it is no request, or nothing answers it.
    """
    method, path = _parsed(written)
    operation = answering(routed(app), method, path)
    if operation is None:
        raise WrongUsage(
            f"--request: no route answers {method} {path}; "
            f"`kinde-guard routes {address}` lists them"
        )
    return Request(method, path, operation, operation.template.match(path) or {})


def _parsed(written: str) -> tuple[str, str]:
    words = written.split()
    method, target = words if len(words) == 2 else ("GET", words[0] if len(words) == 1 else "")
    try:
        path = unquote(urlsplit(target).path)
    except ValueError:
        path = ""
    if not path.startswith("/") or not method.isalpha():
        raise WrongUsage(f'--request: {written!r} was given; write it as "GET /users/1"')
    return {"WEBSOCKET": WEBSOCKET}.get(method.upper(), method.upper()), path


async def denials(request: Request, token: AccessToken, settings: Settings) -> list[AccessDenied]:
    """Return why the route's dependencies would refuse a token that is good; mostly nothing.

    Args:
        request: what is asked for.
        token: the caller's.
        settings: those of the guard.
    """
    connection = _connection(request, token, settings)
    found: list[AccessDenied] = []
    for call in _requirements(request.operation, connection):
        try:
            await call()
        except AccessDenied as error:
            found.append(error)
        except GuardError:
            # Without a token, which is not so here.
            continue
    return found


def _connection(request: Request, token: AccessToken, settings: Settings) -> HTTPConnection:
    scope: dict[str, Any] = {
        "type": "websocket" if request.method == WEBSOCKET else "http",
        "method": "GET" if request.method == "HEAD" else request.method,
        "path": request.path,
        "path_params": request.parameters,
        "headers": [],
        "route": request.operation.route,
    }
    # A guard of this request's own: the application's does not count it, nor tell anybody.
    admit(scope, KindeGuard(settings.domain, audience=settings.audience), token)
    return HTTPConnection(scope)


def _requirements(operation: Operation, connection: HTTPConnection) -> Iterator[Callable[[], Any]]:
    dependant = getattr(operation.route, "dependant", None)
    for one in _descendants(dependant) if isinstance(dependant, Dependant) else ():
        dependency: object = one.call
        if isinstance(dependency, Requirement) and callable(dependency):
            scopes = [*(one.parent_oauth_scopes or []), *(one.own_oauth_scopes or [])]
            yield lambda call=dependency, names=scopes: call(connection, SecurityScopes(names))  # type: ignore[misc]


def _descendants(dependant: Dependant) -> Iterator[Dependant]:
    for one in dependant.dependencies:
        yield one
        yield from _descendants(one)
