"""A request that is only thought of: which operation would answer it, and what that one asks for.

The route's own requirements decide, as they would for a real request; nothing of it is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from kinde_guard.asgi.auth_state import AuthState, set_auth_state
from kinde_guard.asgi.public_paths import WEBSOCKET
from kinde_guard.audit.findings import answering
from kinde_guard.audit.operations import Operation, iter_operations
from kinde_guard.cli.errors import WrongUsage
from kinde_guard.engine import GuardEngine
from kinde_guard.requirements.requirement import Requirement
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.vocabulary.errors import GuardError


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
    operation = answering(iter_operations(app), method, path)
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


@dataclass(frozen=True, slots=True)
class Denial:
    """A requirement of a route that a token does not meet.

    Attributes:
        requirement: what is required.
        error: what the request would be answered with.
    """

    requirement: Requirement
    error: GuardError


def denials(request: Request, token: AccessToken, guard: GuardEngine) -> list[Denial]:
    """Return which requirements of the route a good token does not meet; mostly none.

    Args:
        request: what is asked for.
        token: the caller's.
        guard: the one in front of the route.

    Raises:
        ConfigurationError: a requirement does not fit its route.
    """
    scope = _scope(request, token, guard)
    requirements = request.operation.requirements
    return [
        Denial(each, each.rejection(requirements))
        for each in requirements
        if not each.is_met(token, scope)
    ]


def _scope(request: Request, token: AccessToken, guard: GuardEngine) -> dict[str, Any]:
    scope: dict[str, Any] = {
        "type": "websocket" if request.method == WEBSOCKET else "http",
        "path": request.path,
        "path_params": request.parameters,
        "headers": [],
        "route": request.operation.route,
    }
    if request.method != WEBSOCKET:
        scope["method"] = "GET" if request.method == "HEAD" else request.method
    set_auth_state(scope, AuthState(guard, token))
    return scope
