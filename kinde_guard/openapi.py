"""The OpenAPI document, told the truth: which credential each operation needs.

Added to what FastAPI writes: the security schemes (a bearer token; with a client id for the docs,
signing in with authorization code and PKCE; API keys where the guard takes them from a header),
what each operation requires, and the rejections that it may answer. What the application declared
itself is kept.

Source: OpenAPI 3.1.1, "Security Requirement Object": the entries of a list are alternatives, the
members of an entry are all needed, and other than OAuth schemes may list names too; OpenAPI 3.0.3,
where they may not.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from itertools import product
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette

from kinde_guard.asgi.mounts import docs_public_paths, has_own_guard, mounted_applications
from kinde_guard.asgi.public_paths import PublicPaths
from kinde_guard.asgi.rejections import MEDIA_TYPE
from kinde_guard.engine import GuardEngine
from kinde_guard.requirements.requirement import scopes_of
from kinde_guard.requirements.route import GuardedRoute, Requirements, guarded_routes
from kinde_guard.vocabulary.errors import ConfigurationError

BEARER_SCHEME = "KindeBearer"
SIGN_IN_SCHEME = "KindeSignIn"
API_KEY_SCHEME = "KindeApiKey"
PROBLEM_SCHEMA = "GuardProblem"

SIGN_IN_SCOPES = {
    "openid": "Who you are.",
    "profile": "Your name and picture.",
    "email": "Your e-mail address.",
}

_Schema = dict[str, Any]
_IsPublic = Callable[[str, str], bool]


def sign_in_from_docs(app: FastAPI, guard: GuardEngine, client_id: str) -> None:
    """Let people sign in from an application's docs, with authorization code and PKCE.

    Args:
        app: its Swagger UI is configured; what it was given already stays.
        guard: names the API, whose audience Kinde must be asked for.
        client_id: of a front-end application of the tenant, which has no secret.

    Raises:
        ConfigurationError: the guard has no audience to ask for, or the client id is no text.

    Source: Swagger UI, "OAuth 2.0 configuration"; Kinde, "Using Kinde without an SDK".
    """
    audience = guard.settings.audience
    if audience is None:
        raise ConfigurationError(
            "docs_client_id: audience=None was given, but a token has an audience only where one "
            "is asked for; give the guard the API's audience"
        )
    if not isinstance(client_id, str) or not client_id.strip():
        raise ConfigurationError(f"docs_client_id: {client_id!r} was given, but it must be a text")
    app.swagger_ui_init_oauth = {
        "clientId": client_id,
        "usePkceWithAuthorizationCodeGrant": True,
        "scopes": " ".join(SIGN_IN_SCOPES),
        "additionalQueryStringParams": {"audience": " ".join(audience)},
        **(app.swagger_ui_init_oauth or {}),
    }


def document(app: FastAPI, guard: GuardEngine, *, docs_client_id: str | None = None) -> None:
    """Have an application's OpenAPI document tell what its guard requires.

    Args:
        app: its ``openapi`` method is replaced by one that adds to what it returned.
        guard: in front of it.
        docs_client_id: of the application with which people sign in from the docs, if they can.
    """

    def is_public(method: str, path: str) -> bool:
        settings = guard.settings
        docs = docs_public_paths(app, settings)
        listed = (*settings.public_paths, *settings.unverified_paths, *docs)
        return PublicPaths(listed).matches(method, path)

    _replace(app, guard, is_public, docs_client_id)


def document_mounted(app: Starlette, guard: GuardEngine, public: PublicPaths) -> None:
    """Have the documents of mounted applications tell what the guard around them requires.

    Args:
        app: the application in which they are mounted.
        guard: in front of it; an application with a guard of its own is left out.
        public: the public paths, from the root of ``app``.
    """
    for prefix, mounted in mounted_applications(app):
        if isinstance(mounted, FastAPI) and not has_own_guard(mounted):
            _replace(mounted, guard, _below(prefix, public), None)


def _below(prefix: str, public: PublicPaths) -> _IsPublic:
    return lambda method, path: public.matches(method, prefix + path)


def _replace(
    app: FastAPI, guard: GuardEngine, is_public: _IsPublic, docs_client_id: str | None
) -> None:
    write: Callable[[], _Schema] = app.openapi
    written: _Schema = {}
    completed: _Schema = {}

    def openapi() -> _Schema:
        nonlocal written, completed
        schema = write()
        if schema is not written:
            # FastAPI hands out the same document until the routes change; so does this.
            written, completed = schema, copy.deepcopy(schema)
            completion = _Completion(completed, guard, is_public, docs_client_id)
            completion.complete(guarded_routes(app.routes))
        return completed

    app.openapi = openapi  # type: ignore[method-assign]


class _Completion:
    """Adds the guard's part to one document, in place."""

    def __init__(
        self, schema: _Schema, guard: GuardEngine, is_public: _IsPublic, docs_client_id: str | None
    ) -> None:
        self._schema = schema
        self._guard = guard
        self._is_public = is_public
        self._signs_in = docs_client_id is not None
        # OpenAPI 3.0: only OAuth schemes may list scopes, and a type is one word.
        self._is_3_0 = str(schema.get("openapi", "")).startswith("3.0.")
        self._catalogue: dict[str, list[str]] = {}
        self._members: _Schema = {}

    def complete(self, routes: Iterable[GuardedRoute]) -> None:
        for route in routes:
            for method, operation in _operations(self._schema, route):
                self._complete_operation(operation, route, method)
        components = self._schema.setdefault("components", {})
        components.setdefault("securitySchemes", {}).update(self._schemes())
        components.setdefault("schemas", {})[PROBLEM_SCHEMA] = _problem(
            self._members, is_3_0=self._is_3_0
        )

    def _complete_operation(self, operation: _Schema, route: GuardedRoute, method: str) -> None:
        for dependency in route.documenting:
            dependency.document(operation)
        requirements = route.requirements_for(method)
        is_public = self._is_public(method, route.path)
        if is_public and not requirements:
            return
        is_optional = is_public and not any(each.needs_token for each in requirements)
        theirs = operation.get("security") or [{}]
        ours = self._alternatives(requirements, is_optional=is_optional)
        operation["security"] = [{**own, **other} for own, other in product(theirs, ours)]
        for requirement in requirements:
            requirement.document(operation)
            self._members |= requirement.problem_schema()
        self._add_responses(operation, requirements)
        name = operation.get("summary", route.path)
        for scope in scopes_of(requirements):
            self._catalogue.setdefault(scope, []).append(name)

    def _alternatives(self, requirements: Requirements, *, is_optional: bool) -> list[_Schema]:
        """Return the security requirements of which each is enough, one scheme each."""
        sets = [
            list(dict.fromkeys(name for names in chosen for name in names))
            for chosen in product(*(each.alternatives for each in requirements))
        ]
        bearer: list[_Schema] = [{BEARER_SCHEME: [] if self._is_3_0 else names} for names in sets]
        alternatives = [each for n, each in enumerate(bearer) if each not in bearer[:n]]
        # What a person who signs in may do stands in the token, not among the flow's scopes.
        if self._signs_in:
            alternatives.append({SIGN_IN_SCHEME: []})
        if self._guard.api_key_header is not None:
            names = list(scopes_of(requirements))
            alternatives.append({API_KEY_SCHEME: [] if self._is_3_0 else names})
        return [*alternatives, {}] if is_optional else alternatives

    def _add_responses(self, operation: _Schema, requirements: Requirements) -> None:
        responses = operation.setdefault("responses", {})
        listed = dict(_RESPONSES)
        if not any(each.can_deny or each.scopes for each in requirements):
            del listed["403"]
        if self._guard.settings.api_keys is not None:
            listed["429"] = _TOO_MANY_UNKNOWN_KEYS
        for status, response in listed.items():
            responses.setdefault(status, response)

    def _schemes(self) -> _Schema:
        schemes: _Schema = {BEARER_SCHEME: self._bearer_scheme()}
        if self._signs_in:
            schemes[SIGN_IN_SCHEME] = self._sign_in_scheme()
        header = self._guard.api_key_header
        if header is not None:
            schemes[API_KEY_SCHEME] = {
                "type": "apiKey",
                "in": "header",
                "name": header.decode(),
                "description": "An API key of this API, made in Kinde.",
            }
        return schemes

    def _bearer_scheme(self) -> _Schema:
        keys = self._guard.settings.api_keys is not None
        accepted = "an access token or an API key" if keys else "an access token"
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": f"Paste {accepted} that you have already.",
            "x-scopes": {
                name: f"Needed by: {', '.join(dict.fromkeys(users))}"
                for name, users in sorted(self._catalogue.items())
            },
        }

    def _sign_in_scheme(self) -> _Schema:
        issuer = self._guard.issuer
        return {
            "type": "oauth2",
            "description": "Sign in at Kinde.",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": f"{issuer}/oauth2/auth",
                    "tokenUrl": f"{issuer}/oauth2/token",
                    "scopes": dict(SIGN_IN_SCOPES),
                }
            },
        }


def _operations(schema: _Schema, route: GuardedRoute) -> Iterable[tuple[str, _Schema]]:
    path = schema.get("paths", {}).get(route.path, {}) if route.documented else {}
    methods = [method for method in sorted(route.methods) if method.lower() in path]
    return [(method, path[method.lower()]) for method in methods]


def rejection_response(status: str, description: str) -> _Schema:
    """Return the Response Object of a rejection.

    Args:
        status: 401 and 403 have a challenge, 429 and 503 tell when to try again.
        description: what the status means.

    Source: OpenAPI 3.1.1, "Response Object".

    Example:
        >>> rejection_response("413", "Too large.")["content"]
        {'application/problem+json': {'schema': {'$ref': '#/components/schemas/GuardProblem'}}}
    """
    header = _HEADERS.get(status)
    response: _Schema = {"description": description}
    if header is not None:
        name, meaning = header
        described = {"description": meaning, "schema": {"type": "string"}}
        response["headers"] = {name: described}
    schema = {"$ref": f"#/components/schemas/{PROBLEM_SCHEMA}"}
    return {**response, "content": {MEDIA_TYPE: {"schema": schema}}}


_CHALLENGE = ("WWW-Authenticate", "The challenge of RFC 6750.")
_RETRY_AFTER = ("Retry-After", "Seconds to wait.")

_HEADERS = {"401": _CHALLENGE, "403": _CHALLENGE, "429": _RETRY_AFTER, "503": _RETRY_AFTER}

_MEANINGS = {
    "401": "The credential is missing or not valid",
    "403": "The credential does not allow this request",
    "503": "Credentials cannot be verified at the moment",
}

_RESPONSES: _Schema = {
    status: rejection_response(status, meaning) for status, meaning in _MEANINGS.items()
}

_TOO_MANY_UNKNOWN_KEYS = rejection_response("429", "Too many unknown API keys were presented")


def _problem(members: _Schema, *, is_3_0: bool) -> _Schema:
    nullable = {"type": "string", "nullable": True} if is_3_0 else {"type": ["string", "null"]}
    return {
        "title": PROBLEM_SCHEMA,
        "description": "Why a request was rejected (RFC 9457, RFC 6750).",
        "type": "object",
        "required": ["type", "title", "status", "detail", "error", "reason"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "error": {**nullable, "description": "The code of RFC 6750, section 3.1."},
            "reason": {"type": "string", "description": "The exact reason, stable for programs."},
            **members,
        },
    }
