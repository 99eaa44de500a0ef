"""What the pages show of the tenant's rows, read in one transaction so that it fits together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kinde_guard.local.console.problems import NotThere
from kinde_guard.local.store import Api, ApiScope, Application, Store


@dataclass(frozen=True)
class ApiAccess:
    """An API as one application sees it: whether it may ask for it, and which scopes are on."""

    api: Api
    is_authorised: bool
    granted: frozenset[str]

    @property
    def switches(self) -> list[tuple[ApiScope, bool]]:
        """Every scope of the API, and whether it is on."""
        return [(scope, scope.id in self.granted) for scope in self.api.scopes]

    @property
    def held(self) -> list[ApiScope]:
        """The scopes that are on."""
        return [scope for scope, is_on in self.switches if is_on]


@dataclass(frozen=True)
class ApplicationRow:
    """An application with every API that there is."""

    application: Application
    access: tuple[ApiAccess, ...]

    @property
    def authorised(self) -> list[ApiAccess]:
        """The APIs that it may ask for."""
        return [access for access in self.access if access.is_authorised]

    @property
    def others(self) -> list[ApiAccess]:
        """The APIs that it may not ask for."""
        return [access for access in self.access if not access.is_authorised]


@dataclass(frozen=True)
class ApiRow:
    """An API with the applications that may ask for it, and how many hold each of its scopes."""

    api: Api
    applications: tuple[Application, ...]
    holders: dict[str, int]


def application_rows(store: Store) -> list[ApplicationRow]:
    """Return every application."""
    with store.reading():
        apis = ordered(store.apis())
        return [_application_row(store, each, apis) for each in store.applications()]


def application_row(store: Store, client_id: str) -> ApplicationRow:
    """Return one application, or raise ``NotThere``."""
    with store.reading():
        application = store.application(client_id)
        if application is None:
            raise NotThere("There is no such application; it may have been deleted.")
        return _application_row(store, application, ordered(store.apis()))


def api_of(store: Store, api_id: str) -> Api:
    """Return one API, or raise ``NotThere``."""
    api = store.api(api_id)
    if api is None:
        raise NotThere("There is no such API; it may have been deleted.")
    return api


def api_row(store: Store, api_id: str) -> ApiRow:
    """Return one API with its users, or raise ``NotThere``."""
    with store.reading():
        api = api_of(store, api_id)
        applications = tuple(store.api_applications(api_id))
        granted = [store.granted_scope_ids(each.client_id, api_id) for each in applications]
        holders = {scope.id: sum(scope.id in ids for ids in granted) for scope in api.scopes}
        return ApiRow(api, applications, holders)


def api_rows(store: Store) -> list[ApiRow]:
    """Return every API."""
    with store.reading():
        return [api_row(store, api.id) for api in ordered(store.apis())]


def ordered(apis: Sequence[Api]) -> list[Api]:
    """Return APIs with the tenant's own first: Kinde's is the long one, and the last wanted."""
    return sorted(apis, key=lambda api: api.is_management_api)


def _application_row(store: Store, application: Application, apis: list[Api]) -> ApplicationRow:
    authorised = {access.audience for access in application.apis}
    return ApplicationRow(
        application,
        tuple(
            ApiAccess(
                api,
                api.audience in authorised,
                store.granted_scope_ids(application.client_id, api.id),
            )
            for api in apis
        ),
    )
