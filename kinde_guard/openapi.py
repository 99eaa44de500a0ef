"""The OpenAPI document, told the truth: who must present what to which operation.

Added to what FastAPI writes: two security schemes (OAuth 2.0 client credentials with the tenant's
token URL and the catalogue of scopes; and a plain bearer token, so that a person can paste one in
``/docs``), the scopes of each operation, and the refusals that it may answer. What the application
declared itself is kept.

Source: OpenAPI 3.1.1, "Security Requirement Object": the entries of a list are alternatives, the
members of an entry are all needed, and other than OAuth schemes may list names too.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from itertools import product
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from kinde_guard.asgi.public_paths import PublicPaths
from kinde_guard.asgi.responses import MEDIA_TYPE
from kinde_guard.requirements.requirement import Needs
from kinde_guard.requirements.routes import GuardedRoute, guarded_routes

if TYPE_CHECKING:
    from kinde_guard.guard import KindeGuard

OAUTH2_SCHEME = "KindeOAuth2"
BEARER_SCHEME = "KindeBearer"
PROBLEM_SCHEMA = "GuardProblem"

_Schema = dict[str, Any]


def document(app: FastAPI, guard: KindeGuard, public: PublicPaths) -> None:
    """Have an application's OpenAPI document say what its guard asks for.

    Args:
        app: its ``openapi`` method is replaced by one that adds to what it returned.
        guard: names the token URL.
        public: paths that need no token.
    """
    write: Callable[[], _Schema] = app.openapi
    written: _Schema = {}
    completed: _Schema = {}

    def openapi() -> _Schema:
        nonlocal written, completed
        schema = write()
        if schema is not written:
            # FastAPI hands out the same document until the routes change; so does this.
            written, completed = schema, copy.deepcopy(schema)
            complete(completed, list(guarded_routes(app.routes)), guard, public)
        return completed

    app.openapi = openapi  # type: ignore[method-assign]


def complete(
    schema: _Schema, routes: Iterable[GuardedRoute], guard: KindeGuard, public: PublicPaths
) -> None:
    """Add the guard's part to a document, in place."""
    catalogue: dict[str, list[str]] = {}
    for route in routes:
        for method, operation in _operations(schema, route):
            needs = route.needs_for(method)
            if route.path in public and not (needs.rules or needs.optional):
                continue
            _complete_operation(operation, needs, is_public=route.path in public)
            for name in needs.scopes:
                catalogue.setdefault(name, []).append(operation.get("summary", route.path))
    components = schema.setdefault("components", {})
    components.setdefault("securitySchemes", {}).update(_schemes(guard, catalogue))
    components.setdefault("schemas", {})[PROBLEM_SCHEMA] = _PROBLEM


def _operations(schema: _Schema, route: GuardedRoute) -> Iterable[tuple[str, _Schema]]:
    path = schema.get("paths", {}).get(route.path, {}) if route.documented else {}
    methods = [method for method in sorted(route.methods) if method.lower() in path]
    return [(method, path[method.lower()]) for method in methods]


def _complete_operation(operation: _Schema, needs: Needs, *, is_public: bool) -> None:
    ours = [
        {scheme: scopes}
        for scopes in _alternatives(needs)
        for scheme in (OAUTH2_SCHEME, BEARER_SCHEME)
    ]
    if is_public and not needs.rules:
        ours.append({})
    theirs = operation.get("security") or [{}]
    operation["security"] = [{**one, **other} for one, other in product(theirs, ours)]
    refusals = _RESPONSES if needs.can_be_denied else _RESPONSES_WITHOUT_DENIAL
    if needs.permissions:
        operation["x-required-permissions"] = list(needs.permissions)
    if needs.organization:
        operation["x-required-organization"] = needs.organization
    responses = operation.setdefault("responses", {})
    for status, refusal in refusals.items():
        responses.setdefault(status, refusal)


def _alternatives(needs: Needs) -> list[list[str]]:
    every = [name for rule in needs.rules for name in rule.all_of]
    choices = product(*(rule.any_of for rule in needs.rules if rule.any_of))
    return [list(dict.fromkeys((*every, *choice))) for choice in choices]


def _schemes(guard: KindeGuard, catalogue: dict[str, list[str]]) -> _Schema:
    scopes = {name: f"Needed by: {', '.join(used)}" for name, used in sorted(catalogue.items())}
    flow = {"tokenUrl": f"{guard.issuer}/oauth2/token", "scopes": scopes}
    return {
        OAUTH2_SCHEME: {
            "type": "oauth2",
            "description": "An access token of this API's Kinde tenant.",
            "flows": {"clientCredentials": flow},
        },
        BEARER_SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "Paste an access token that you have already.",
        },
    }


def _refusal(description: str, header: str, says: str) -> _Schema:
    return {
        "description": description,
        "headers": {header: {"description": says, "schema": {"type": "string"}}},
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{PROBLEM_SCHEMA}"}}},
    }


_CHALLENGE = ("WWW-Authenticate", "The challenge of RFC 6750.")

_RESPONSES_WITHOUT_DENIAL: _Schema = {
    "401": _refusal("The access token is missing or not valid", *_CHALLENGE),
    "503": _refusal(
        "Access tokens cannot be verified at the moment", "Retry-After", "Seconds to wait."
    ),
}

_RESPONSES: _Schema = {
    **_RESPONSES_WITHOUT_DENIAL,
    "403": _refusal("The access token does not allow this request", *_CHALLENGE),
}

_PROBLEM: _Schema = {
    "title": PROBLEM_SCHEMA,
    "description": "Why a request was refused (RFC 9457, RFC 6750).",
    "type": "object",
    "required": ["type", "title", "status", "detail", "error", "reason"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "error": {"type": ["string", "null"], "description": "The code of RFC 6750, section 3.1."},
        "reason": {"type": "string", "description": "The exact reason, stable for programs."},
        "required_scopes": {
            "type": "array",
            "items": {"type": "string"},
            "description": "With 403: all scopes that the operation asks for.",
        },
        "required_permissions": {
            "type": "array",
            "items": {"type": "string"},
            "description": "With 403: all permissions that the operation asks for.",
        },
    },
}
