"""API keys: make, list, rotate, delete, and tell a resource server whether one is good.

Verifying needs no token: the key itself is the secret. Kinde's pages contradict each other there,
and its sample sends none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from kinde_guard.local.management.apis import existing_api
from kinde_guard.local.management.envelope import Absent, Refused, Success
from kinde_guard.local.management.operations import Operations
from kinde_guard.local.management.paging import ItemId, PageSize, by_id
from kinde_guard.local.management.texts import MAX_ITEMS, Body, Id, Title, date_time
from kinde_guard.local.store import Api, ApiKey, KeyStatus, KeyType, NotThere
from kinde_guard.requirements.token import current_token
from kinde_guard.verification.access_token import AccessToken

if TYPE_CHECKING:
    from kinde_guard.local.tenant import Tenant


class NewApiKey(Body):
    """A key to make. Its scopes are named by their ids; their names are taken too."""

    name: Title
    api_id: Id
    type: KeyType
    scope_ids: Annotated[list[Id], Field(max_length=MAX_ITEMS)] = Field(default_factory=list)
    user_id: Id | None = None
    org_code: Id | None = None


class KeyToVerify(Body):
    """What a caller presented."""

    api_key: Annotated[str, Field(max_length=1024)]


class ApiKeySummary(BaseModel):
    """A key in a list, without its secret."""

    id: str
    name: str
    type: KeyType
    status: KeyStatus
    key_prefix: str
    key_suffix: str
    created_on: datetime
    last_verified_on: datetime | None
    last_verified_ip: str | None
    created_by: str
    api_ids: list[str]
    scopes: list[str]


class ApiKeyDetails(ApiKeySummary):
    """A key, without its secret."""

    verification_count: int
    organization_id: str | None
    user_id: str | None


class ApiKeyList(Success):
    """A page of keys."""

    has_more: bool
    api_keys: list[ApiKeySummary]


class ApiKeyAnswer(Success):
    """One key."""

    api_key: ApiKeyDetails


class ApiKeySecret(BaseModel):
    """A key with its secret, which is shown this once."""

    id: str
    key: str


class ApiKeyCreated(Success):
    """A key was made, or has a new secret."""

    code: str = "API_KEY_CREATED"
    message: str = "API key created"
    api_key: ApiKeySecret


class ApiKeyVerified(Success):
    """Whether a key is good. Of one that is not, nothing is told."""

    code: str = "API_KEY_VERIFIED"
    message: str = "API key verified"
    is_valid: bool
    key_id: str | None = None
    status: KeyStatus | None = None
    scopes: list[str] = Field(default_factory=list)
    org_code: str | None = None
    user_id: str | None = None
    last_verified_on: datetime | None = None
    verification_count: int = 0


def api_key_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of all API keys."""
    operations, store = Operations("API keys"), tenant.store

    @operations.operation("getApiKeys")
    def list_keys(
        page_size: PageSize = 50,
        starting_after: ItemId = None,
        key_type: Literal["organization", "user"] | None = None,
        status: Literal["active", "inactive", "revoked"] | None = None,
        user_id: Annotated[str | None, Query(max_length=255)] = None,
        org_code: Annotated[str | None, Query(max_length=255)] = None,
    ) -> ApiKeyList:
        wanted = {"type": key_type, "status": status, "user_id": user_id, "org_code": org_code}
        found, more = by_id(
            [key for key in store.api_keys() if _matches(key, wanted)],
            size=page_size or 50,
            id_of=lambda key: key.id,
            starting_after=starting_after,
        )
        return ApiKeyList(has_more=more, api_keys=[_summary(key) for key in found])

    @operations.operation("createApiKey", status=201)
    def create_key(
        body: NewApiKey, token: Annotated[AccessToken, Depends(current_token)]
    ) -> ApiKeyCreated:
        with store.transaction():
            api = existing_api(store, body.api_id)
            key, secret = store.add_api_key(
                body.name,
                api.id,
                type=body.type,
                scope_ids=_scope_ids(api, body.scope_ids),
                user_id=body.user_id,
                org_code=body.org_code,
                created_by=token.principal or "",
                now=tenant.clock(),
            )
        return ApiKeyCreated(api_key=ApiKeySecret(id=key.id, key=secret))

    @operations.operation("verifyApiKey")
    def verify_key(body: KeyToVerify, request: Request) -> ApiKeyVerified:
        ip = request.client.host if request.client else ""
        return _verdict(store.verify_api_key(body.api_key, now=tenant.clock(), ip=ip))

    return operations


def api_key_item_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of one API key."""
    operations, store = Operations("API keys"), tenant.store

    @operations.operation("getApiKey")
    def show_key(key_id: str) -> ApiKeyAnswer:
        key = store.api_key(key_id)
        if key is None:
            raise Absent
        return ApiKeyAnswer(api_key=_details(key))

    @operations.operation("rotateApiKey", status=201)
    def rotate_key(key_id: str) -> ApiKeyCreated:
        try:
            key, secret = store.rotate_api_key(key_id)
        except NotThere:
            raise Absent from None
        return ApiKeyCreated(
            code="API_KEY_ROTATED",
            message="API key rotated successfully",
            api_key=ApiKeySecret(id=key.id, key=secret),
        )

    @operations.operation("deleteApiKey")
    def delete_key(key_id: str) -> Success:
        try:
            store.delete_api_key(key_id)
        except NotThere:
            raise Absent from None
        return Success()

    return operations


def _matches(key: ApiKey, wanted: dict[str, str | None]) -> bool:
    return all(value is None or getattr(key, name) == value for name, value in wanted.items())


def _scope_ids(api: Api, named: Sequence[str]) -> list[str]:
    ids = {scope.key: scope.id for scope in api.scopes} | {one.id: one.id for one in api.scopes}
    if not ids.keys() >= set(named):
        raise Refused("SCOPE_NOT_FOUND", "The API has no scope of one of those ids")
    return [ids[name] for name in named]


def _verdict(key: ApiKey | None) -> ApiKeyVerified:
    if key is None:
        return ApiKeyVerified(is_valid=False)
    return ApiKeyVerified(
        is_valid=key.status == "active",
        key_id=key.id,
        status=key.status,
        scopes=list(key.scopes),
        org_code=key.org_code,
        user_id=key.user_id,
        last_verified_on=_time(key.last_verified_on),
        verification_count=key.verification_count,
    )


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else date_time(seconds)


def _summary(key: ApiKey) -> ApiKeySummary:
    return ApiKeySummary(
        id=key.id,
        name=key.name,
        type=key.type,
        status=key.status,
        key_prefix=key.prefix,
        key_suffix=key.suffix,
        created_on=date_time(key.created_on),
        last_verified_on=_time(key.last_verified_on),
        last_verified_ip=key.last_verified_ip,
        created_by=key.created_by,
        api_ids=[key.api_id],
        scopes=list(key.scopes),
    )


def _details(key: ApiKey) -> ApiKeyDetails:
    return ApiKeyDetails(
        **_summary(key).model_dump(),
        verification_count=key.verification_count,
        organization_id=key.org_code,
        user_id=key.user_id,
    )
