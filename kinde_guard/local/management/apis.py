"""APIs, and which applications may ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, Field

from kinde_guard.local.management.envelope import Refused, Success
from kinde_guard.local.management.operations import Operations
from kinde_guard.local.management.texts import MAX_ITEMS, Body, Id, Name
from kinde_guard.local.store import Api, Application, ApplicationType, Store

if TYPE_CHECKING:
    from kinde_guard.local.tenant import Tenant

DisplayType = Literal[
    "Machine to machine (M2M)", "Back-end web", "Front-end and mobile", "Device and IoT"
]

DISPLAYED: Final[dict[ApplicationType, DisplayType]] = {
    "m2m": "Machine to machine (M2M)",
    "reg": "Back-end web",
    "spa": "Front-end and mobile",
    "device": "Device and IoT",
}
"""How this part of Kinde's API writes an application's type; every other part uses the code."""


class NewApi(Body):
    """An API to register."""

    name: Name
    audience: Name


class ScopeName(BaseModel):
    """A scope, as an API lists it."""

    id: str
    key: str


class ApiSummary(BaseModel):
    """An API in a list; ``scopes`` only if they were asked for."""

    id: str
    name: str
    audience: str
    is_management_api: bool
    scopes: list[ScopeName] | None = None


class ApiApplication(BaseModel):
    """An application, as an API lists it. Its id is its client id."""

    id: str
    name: str
    type: DisplayType
    is_active: bool


class ApiDetails(BaseModel):
    """An API with its scopes and applications."""

    id: str
    name: str
    audience: str
    is_management_api: bool
    scopes: list[ScopeName]
    applications: list[ApiApplication]


class ApiList(Success):
    """All APIs. There is never a next page."""

    next_token: str | None = None
    apis: list[ApiSummary]


class ApiAnswer(Success):
    """One API."""

    api: ApiDetails


class ApiId(BaseModel):
    """The id of a new API."""

    id: str


class ApiCreated(Success):
    """An API was registered."""

    api: ApiId


class ApplicationChange(Body):
    """An application to authorise, or with "delete" the contrary."""

    id: Id
    operation: Literal["delete"] | None = None


class ApplicationChanges(Body):
    """Applications to authorise or not."""

    applications: Annotated[list[ApplicationChange], Field(max_length=MAX_ITEMS)]


class ApplicationsChanged(Success):
    """Which applications were authorised, and which no longer are."""

    code: str = "API_APPLICATIONS_UPDATED"
    message: str = "API applications updated"
    applications_disconnected: list[str]
    applications_connected: list[str]


def api_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of APIs."""
    operations, store = Operations("APIs"), tenant.store

    @operations.operation("getAPIs")
    def list_apis(expand: Literal["scopes"] | None = None) -> ApiList:
        return ApiList(apis=[_summary(api, expand is not None) for api in store.apis()])

    @operations.operation("addAPIs")
    def add_api(body: NewApi) -> ApiCreated:
        return ApiCreated(api=ApiId(id=store.add_api(body.name, body.audience)))

    @operations.operation("getAPI")
    def show_api(api_id: str) -> ApiAnswer:
        with store.reading():
            api = existing_api(store, api_id)
            return ApiAnswer(api=_details(api, store.api_applications(api_id)))

    @operations.operation("deleteAPI")
    def delete_api(api_id: str) -> Success:
        with store.transaction():
            changeable_api(store, api_id)
            store.delete_api(api_id)
        return Success(code="API_DELETED", message="API successfully deleted")

    @operations.operation("updateAPIApplications")
    def change_applications(api_id: str, body: ApplicationChanges) -> ApplicationsChanged:
        with store.transaction():
            existing_api(store, api_id)
            for change in body.applications:
                _apply(store, api_id, change)
        deleted = [change.id for change in body.applications if change.operation]
        authorised = [change.id for change in body.applications if not change.operation]
        return ApplicationsChanged(
            applications_disconnected=deleted, applications_connected=authorised
        )

    return operations


def existing_api(store: Store, api_id: str) -> Api:
    """Return the API of that id, or raise ``Refused``: Kinde documents no 404 here."""
    api = store.api(api_id)
    if api is None:
        raise Refused("API_NOT_FOUND", "There is no API of that id")
    return api


def changeable_api(store: Store, api_id: str) -> Api:
    """Return the API of that id unless it is the Management API, which cannot be changed."""
    api = existing_api(store, api_id)
    if api.is_management_api:
        raise Refused("MANAGEMENT_API", "The Management API itself cannot be changed")
    return api


def _apply(store: Store, api_id: str, change: ApplicationChange) -> None:
    if store.application(change.id) is None:
        raise Refused("APPLICATION_NOT_FOUND", "There is no application of one of those ids")
    if change.operation == "delete":
        store.deauthorise(change.id, api_id)
    else:
        store.authorise(change.id, api_id)


def _scopes(api: Api) -> list[ScopeName]:
    return [ScopeName(id=scope.id, key=scope.key) for scope in api.scopes]


def _summary(api: Api, with_scopes: bool) -> ApiSummary:
    return ApiSummary(
        id=api.id,
        name=api.name,
        audience=api.audience,
        is_management_api=api.is_management_api,
        scopes=_scopes(api) if with_scopes else None,
    )


def _details(api: Api, applications: list[Application]) -> ApiDetails:
    return ApiDetails(
        id=api.id,
        name=api.name,
        audience=api.audience,
        is_management_api=api.is_management_api,
        scopes=_scopes(api),
        applications=[
            ApiApplication(
                id=one.client_id, name=one.name, type=DISPLAYED[one.type], is_active=True
            )
            for one in applications
        ],
    )
