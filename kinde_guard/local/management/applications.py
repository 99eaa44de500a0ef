"""Applications: create, read, update, delete, and the lifetimes of their tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, Field

from kinde_guard.local.management.envelope import Refused, Success
from kinde_guard.local.management.operations import Operations
from kinde_guard.local.management.paging import NextToken, Page, PageSize, by_token
from kinde_guard.local.management.texts import MAX_ITEMS, Body, Id, Line, Name
from kinde_guard.local.store import Application, ApplicationType, Store

if TYPE_CHECKING:
    from kinde_guard.local.tenant import Tenant

MAX_LIFETIME: Final = 2_147_483_647

Seconds = Annotated[int, Field(ge=1, le=MAX_LIFETIME)]
Uris = Annotated[list[Line], Field(max_length=MAX_ITEMS)]


class NewApplication(Body):
    """An application to register; one with an organization gets tokens for that one only."""

    name: Name
    type: ApplicationType
    org_code: Id | None = None


class ApplicationUpdate(Body):
    """What is to change. Kinde's settings of its sign-in pages are taken, and have no effect."""

    name: Name | None = None
    language_key: Line | None = None
    logout_uris: Uris | None = None
    redirect_uris: Uris | None = None
    login_uri: Line | None = None
    homepage_uri: Line | None = None


class TokenLifetimes(Body):
    """Lifetimes in seconds; what is absent stays."""

    access_token_lifetime: Seconds | None = None
    refresh_token_lifetime: Seconds | None = None
    id_token_lifetime: Seconds | None = None
    authenticated_session_lifetime: Seconds | None = None
    is_hasura_mapping_enabled: bool | None = None


class ApplicationSummary(BaseModel):
    """An application in a list."""

    id: str
    name: str
    type: ApplicationType


class ApplicationList(Success):
    """A page of applications."""

    applications: list[ApplicationSummary]
    next_token: str | None = None


class ApplicationDetails(BaseModel):
    """An application with its secret, as Kinde shows it too."""

    id: str
    name: str
    type: ApplicationType
    client_id: str
    client_secret: str
    login_uri: str
    homepage_uri: str
    has_cancel_button: bool = False


class ApplicationAnswer(Success):
    """One application."""

    application: ApplicationDetails


class ApplicationCredentials(BaseModel):
    """What a new application signs in with."""

    id: str
    client_id: str
    client_secret: str


class ApplicationCreated(Success):
    """An application was registered."""

    application: ApplicationCredentials


def application_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of applications."""
    operations, store = Operations("Applications"), tenant.store

    @operations.operation("getApplications")
    def list_applications(
        sort: Literal["name_asc", "name_desc"] | None = None,
        page_size: PageSize = 10,
        next_token: NextToken = None,
    ) -> ApplicationList:
        found, token = by_token(
            store.applications(),
            Page(page_size, next_token, sort),
            orders={"name": lambda one: one.name},
            id_of=lambda one: one.client_id,
        )
        listed = [ApplicationSummary(id=a.client_id, name=a.name, type=a.type) for a in found]
        return ApplicationList(applications=listed, next_token=token)

    @operations.operation("createApplication", status=201)
    def create_application(body: NewApplication) -> ApplicationCreated:
        with store.transaction():
            if body.org_code is not None and store.organization(body.org_code) is None:
                raise Refused("ORGANIZATION_NOT_FOUND", "There is no organization of that code")
            made = store.add_application(body.name, type=body.type, org_code=body.org_code)
        return ApplicationCreated(
            application=ApplicationCredentials(
                id=made.client_id, client_id=made.client_id, client_secret=made.client_secret or ""
            )
        )

    @operations.operation("getApplication")
    def show_application(application_id: str) -> ApplicationAnswer:
        return ApplicationAnswer(application=_details(existing_application(store, application_id)))

    @operations.operation("updateApplication")
    def update_application(application_id: str, body: ApplicationUpdate | None = None) -> Success:
        with store.transaction():
            existing_application(store, application_id)
            if body is not None:
                store.update_application(application_id, **body.model_dump())
        return Success()

    @operations.operation("deleteApplication")
    def delete_application(application_id: str) -> Success:
        with store.transaction():
            existing_application(store, application_id)
            store.delete_application(application_id)
        return Success()

    return operations


def application_token_operations(tenant: Tenant) -> Operations:
    """Return the endpoint of token lifetimes."""
    operations, store = Operations("Application tokens"), tenant.store

    @operations.operation("updateApplicationTokens")
    def update_tokens(application_id: str, body: TokenLifetimes) -> Success:
        with store.transaction():
            existing_application(store, application_id)
            store.set_token_lifetimes(
                application_id,
                access=body.access_token_lifetime,
                refresh=body.refresh_token_lifetime,
                id=body.id_token_lifetime,
                session=body.authenticated_session_lifetime,
                is_hasura_mapping_enabled=body.is_hasura_mapping_enabled,
            )
        return Success()

    return operations


def existing_application(store: Store, application_id: str) -> Application:
    """Return the application of that id, or raise ``Refused``."""
    application = store.application(application_id)
    if application is None:
        raise Refused("APPLICATION_NOT_FOUND", "There is no application of that id")
    return application


def _details(application: Application) -> ApplicationDetails:
    return ApplicationDetails(
        id=application.client_id,
        name=application.name,
        type=application.type,
        client_id=application.client_id,
        client_secret=application.client_secret or "",
        login_uri=application.login_uri,
        homepage_uri=application.homepage_uri,
    )
