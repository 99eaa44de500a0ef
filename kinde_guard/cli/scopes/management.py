"""Kinde's Management API, as far as scopes are concerned.

Each request names the Management API scope that Kinde asks for, so that a token can be asked for
with these and no more, and so that a refusal can say which one is missing. Kinde spells some of
them irregularly: they are a table here, never derived. What Kinde answers is read strictly: an
answer of another shape is an error of its own, and nothing is done on its strength.

Source: Kinde's Management API specification.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final
from urllib.parse import quote

import httpx

from kinde_guard.client.secret import Secret

PREFIX: Final = "/api/v1"
PAGE_SIZE: Final = 100
MAX_PAGES: Final = 1_000
MANY_ERRORS: Final = 3
"""So many errors of one answer are told."""


class Operation(Enum):
    """What can be asked: method, path below the prefix, and the scope that it takes."""

    LIST_APIS = ("GET", "/apis", "read:apis")
    SHOW_API = ("GET", "/apis/{}", "read:apis")
    LIST_SCOPES = ("GET", "/apis/{}/scopes", "read:api_scopes")
    ADD_SCOPE = ("POST", "/apis/{}/scopes", "create:api_scopes")
    DELETE_SCOPE = ("DELETE", "/apis/{}/scopes/{}", "delete:apis_scopes")
    LIST_APPLICATIONS = ("GET", "/applications", "read:applications")
    AUTHORIZE = ("PATCH", "/apis/{}/applications", "update:apis")
    GRANT = ("POST", "/apis/{}/applications/{}/scopes/{}", "create:api_application_scopes")
    REVOKE = ("DELETE", "/apis/{}/applications/{}/scopes/{}", "delete:apis_application_scopes")

    @property
    def scope(self) -> str:
        """The Management API scope that it takes."""
        return self.value[2]

    def path(self, *ids: str) -> str:
        """Return its path for these ids."""
        return PREFIX + self.value[1].format(*(quote(one, safe="") for one in ids))


@dataclass(frozen=True, slots=True)
class Api:
    """An API that is registered in Kinde."""

    id: str
    name: str
    audience: str
    is_management_api: bool


@dataclass(frozen=True, slots=True)
class ApiScope:
    """A scope of an API; its key is the name that tokens hold."""

    id: str
    key: str
    description: str


@dataclass(frozen=True, slots=True)
class Application:
    """An application; Kinde uses its client id as its id."""

    client_id: str
    name: str


class ManagementError(Exception):
    """The Management API did not do what was asked; the message says what it answered."""


class ManagementRefused(ManagementError):
    """It refused.

    Attributes:
        status: of HTTP.
        needs: the Management API scope that the request takes; "" unless this is a 403.
    """

    def __init__(self, operation: Operation, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.needs = operation.scope if self.status == 403 else ""
        says = f"{operation.value[0]} {answer.url.path}: Kinde answered {self.status}"
        said = _sent_token(answer).removed_from("; ".join(_errors(answer)))
        says += f" ({said})" if said else ""
        super().__init__(says + self._advice(answer))

    def _advice(self, answer: httpx.Response) -> str:
        if self.needs:
            return f"; it takes the Management API scope {self.needs}"
        if self.status == 429:
            after = answer.headers.get("ratelimit-reset", "")
            return f"; try again in {after} s" if after.isdecimal() else "; try again later"
        return ""


class ManagementUnavailable(ManagementError):
    """It gave no answer, or one that makes no sense."""


class ManagementUnreachable(ManagementUnavailable):
    """It gave no answer at all."""


class ManagementApi:
    """The requests of one command, over one connection.

    Args:
        client: has the tenant's issuer as base URL, and puts a token on each request.

    Every method raises ``ManagementError``, and what the client's ``auth`` raises.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def apis(self) -> list[Api]:
        """Return every API, the Management API among them."""
        answer = self._ask(Operation.LIST_APIS)
        return [_api(one) for one in _members(answer, "apis")]

    def scopes(self, api: Api) -> list[ApiScope]:
        """Return the scopes of an API."""
        answer = self._ask(Operation.LIST_SCOPES, api.id)
        return [_scope(one) for one in _members(answer, "scopes")]

    def authorized(self, api: Api) -> frozenset[str]:
        """Return the client ids of the applications that may ask for tokens for an API."""
        answer = self._ask(Operation.SHOW_API, api.id).get("api")
        return frozenset(
            _text(one, "id")
            for one in _members(_object(answer), "applications")
            # Kinde may leave this out; an application that is listed without it is authorized.
            if one.get("is_active") is not False
        )

    def applications(self) -> Iterator[Application]:
        """Yield every application, page by page."""
        query, seen = {"page_size": str(PAGE_SIZE)}, set[str]()
        for _ in range(MAX_PAGES):
            answer = self._ask(Operation.LIST_APPLICATIONS, query=query)
            for one in _members(answer, "applications"):
                yield Application(client_id=_text(one, "id"), name=_text(one, "name"))
            token = answer.get("next_token")
            if not token:
                return
            if not isinstance(token, str) or token in seen:
                break
            seen.add(token)
            query["next_token"] = token
        raise ManagementUnavailable("Kinde's list of applications does not come to an end")

    def authorize(self, api: Api, application: Application) -> None:
        """Let an application ask for tokens for an API."""
        self._ask(
            Operation.AUTHORIZE, api.id, body={"applications": [{"id": application.client_id}]}
        )

    def grant(self, api: Api, application: Application, scope: ApiScope) -> None:
        """Grant a scope; nothing changes where it is granted."""
        self._ask(Operation.GRANT, api.id, application.client_id, scope.id)

    def revoke(self, api: Api, application: Application, scope: ApiScope) -> None:
        """Revoke a scope; nothing changes where it is not granted."""
        self._ask(Operation.REVOKE, api.id, application.client_id, scope.id)

    def add_scope(self, api: Api, key: str, description: str) -> None:
        """Add a scope to an API."""
        described = {"description": description} if description else {}
        self._ask(Operation.ADD_SCOPE, api.id, body={"key": key, **described})

    def delete_scope(self, api: Api, scope: ApiScope) -> None:
        """Remove a scope from an API, and with it from every application."""
        self._ask(Operation.DELETE_SCOPE, api.id, scope.id)

    def _ask(
        self,
        operation: Operation,
        *ids: str,
        query: dict[str, str] | None = None,
        body: object = None,
    ) -> dict[str, Any]:
        """Return the answer; an empty one where Kinde has nothing to say but that it is done."""
        method, path = operation.value[0], operation.path(*ids)
        try:
            answer = self._client.request(method, path, params=query, json=body)
        except httpx.HTTPError as error:
            at = self._client.base_url.join(path)
            raise ManagementUnreachable(f"no answer from {at} ({type(error).__name__})") from error
        if answer.status_code == 204 or (answer.is_success and not answer.content.strip()):
            return {}
        if not answer.is_success:
            raise ManagementRefused(operation, answer)
        return _object(_json(answer))


def _sent_token(answer: httpx.Response) -> Secret:
    # An answer may repeat what was sent.
    return Secret(answer.request.headers.get("authorization", "").removeprefix("Bearer ") or "\0")


def _json(answer: httpx.Response) -> object:
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None


def _errors(answer: httpx.Response) -> Iterator[str]:
    """Yield what an error says; ``errors`` is a list, except for 404, where it is an object."""
    body = _json(answer)
    errors = body.get("errors") if isinstance(body, dict) else None
    listed = errors if isinstance(errors, list) else [errors]
    for error in listed[:MANY_ERRORS]:
        if isinstance(error, dict):
            told = (error.get("code"), error.get("message"))
            yield ": ".join(part for part in told if isinstance(part, str) and part)


def _nonsense(what: str) -> ManagementUnavailable:
    return ManagementUnavailable(f"Kinde's Management API answered without {what}")


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _nonsense("a JSON object")
    return value


def _members(answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
    members = answer.get(name)
    if members is None and name in answer:
        return []
    if not isinstance(members, list):
        raise _nonsense(f"its list of {name}")
    return [_object(member) for member in members]


def _text(value: dict[str, Any], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str) or not text:
        raise _nonsense(f"the {name} of something in it")
    return text


def _api(value: dict[str, Any]) -> Api:
    return Api(
        id=_text(value, "id"),
        name=_text(value, "name"),
        audience=str(value.get("audience") or ""),
        is_management_api=value.get("is_management_api") is True,
    )


def _scope(value: dict[str, Any]) -> ApiScope:
    return ApiScope(
        id=_text(value, "id"),
        key=_text(value, "key"),
        description=str(value.get("description") or ""),
    )
