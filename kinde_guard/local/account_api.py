"""The account API: what the signed-in person holds, asked for with their own access token.

It answers what holds now, whatever the token says. Local Kinde has no billing and no properties:
there are no plans and no entitlements.

Source: Kinde's frontend API, ``/account_api/v1``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from kinde_guard.local.bearer import bearer_of, calling_person
from kinde_guard.local.form import Form, parse_parameters
from kinde_guard.local.oauth_errors import NO_STORE
from kinde_guard.local.people_rights import Rights
from kinde_guard.local.tenant import Tenant

PREFIX: Final = "/account_api/v1"
FLAG_TYPES: Final = {"bool": "boolean", "int": "integer", "str": "string"}
PAGE_SIZE: Final = 10
MAX_PAGE_SIZE: Final = 500

Item = dict[str, object]


class _Refused(Exception):
    """A request that the account API refuses."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"errors": [{"code": code, "message": message}]}


@dataclass(frozen=True)
class _Page:
    """Which part of a list is asked for."""

    size: int
    starting_after: str

    @classmethod
    def of(cls, query: Form) -> _Page:
        text = query.one("page_size") or str(PAGE_SIZE)
        size = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
        if not 1 <= size <= MAX_PAGE_SIZE:
            message = f"Query parameter 'page_size' must be from 1 to {MAX_PAGE_SIZE}"
            raise _Refused(400, "INVALID_REQUEST", message)
        return cls(size, query.one("starting_after"))

    def cut(self, items: list[Item]) -> tuple[list[Item], Item]:
        """Return the items of the page, and where the next one starts."""
        ids = [item["id"] for item in items]
        if self.starting_after and self.starting_after not in ids:
            message = "Query parameter 'starting_after' names no item"
            raise _Refused(400, "INVALID_REQUEST", message)
        start = ids.index(self.starting_after) + 1 if self.starting_after else 0
        found = items[start : start + self.size]
        has_more = start + self.size < len(items)
        last = found[-1]["id"] if has_more else None
        return found, {"has_more": has_more, "next_page_starting_after": last}


@dataclass(frozen=True)
class _Call:
    """A request, and what its person holds."""

    query: Form
    rights: Rights


def _permissions(rights: Rights) -> list[Item]:
    return [{"id": each.id, "name": each.name, "key": each.key} for each in rights.permissions]


def _roles(rights: Rights) -> list[Item]:
    return [{"id": each.id, "name": each.name, "key": each.key} for each in rights.roles]


def _flags(rights: Rights) -> list[Item]:
    return [
        {
            "id": flag.id,
            "name": flag.name,
            "key": flag.key,
            "type": FLAG_TYPES[flag.type],
            "value": flag.value,
        }
        for flag in rights.flags
    ]


def _none(_: Rights) -> list[Item]:
    return []


LISTS: Final[dict[str, Callable[[Rights], list[Item]]]] = {
    "permissions": _permissions,
    "roles": _roles,
    "feature_flags": _flags,
    "properties": _none,
    "entitlements": _none,
}
"""What can be asked for, by the name of its path and of its member in the answer."""


def account_api_routes(tenant: Tenant) -> APIRouter:
    """Return the routes of the account API."""
    router = APIRouter(prefix=PREFIX)

    def serve(name: str) -> None:
        async def items(request: Request) -> Response:
            return await _answered(tenant, request, lambda call: _list(call, name))

        router.add_api_route(f"/{name}", items, methods=["GET"])

    for name in LISTS:
        serve(name)

    @router.get("/entitlement")
    async def entitlement(request: Request) -> Response:
        return await _answered(tenant, request, _entitlement)

    return router


async def _answered(tenant: Tenant, request: Request, answer: Callable[[_Call], Item]) -> Response:
    def call() -> Item:
        user, token = calling_person(tenant, bearer_of(request))
        # An organization that was left, or deleted, since the token was issued counts as none.
        org_code = token.org_code if token.org_code in user.organizations else None
        rights = Rights.of(tenant.store, user, org_code)
        return answer(_Call(parse_parameters(request.scope["query_string"], what="query"), rights))

    try:
        return JSONResponse(await run_in_threadpool(call), headers=NO_STORE)
    except _Refused as refused:
        return JSONResponse(refused.body, refused.status, NO_STORE)


def _list(call: _Call, name: str) -> Item:
    found, metadata = _Page.of(call.query).cut(LISTS[name](call.rights))
    organization = call.rights.organization
    data: Item = {"org_code": organization and organization.code, name: found}
    if name == "entitlements":
        data["plans"] = []
    return {"data": data, "metadata": metadata}


def _entitlement(call: _Call) -> Item:
    if not call.query.one("key"):
        raise _Refused(400, "INVALID_REQUEST", "Query parameter 'key' is missing")
    raise _Refused(404, "NOT_FOUND", "There is no such entitlement")
