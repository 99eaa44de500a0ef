"""The addresses at which an application may be called back, and those people are led to at the end.

``DELETE`` names them in the query parameter ``urls``, separated by commas, as Kinde has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

from fastapi import Query
from pydantic import AfterValidator, Field

from kinde_guard.local.callback_addresses import is_address
from kinde_guard.local.management.applications import existing_application
from kinde_guard.local.management.envelope import Success
from kinde_guard.local.management.operations import Operations
from kinde_guard.local.management.texts import MAX_ITEMS, Body, Line
from kinde_guard.local.store import Application

if TYPE_CHECKING:
    from kinde_guard.local.tenant import Tenant


def _address(url: str) -> str:
    if not is_address(url):
        raise ValueError("an absolute URL without a fragment is expected")
    return url


Address = Annotated[Line, AfterValidator(_address)]
DeletedUrls = Annotated[str, Query(max_length=65_536, description="Separated by commas.")]


class Urls(Body):
    """Addresses."""

    urls: Annotated[list[Address], Field(max_length=MAX_ITEMS)]


class CallbackUrls(Success):
    """Where an application may be called back."""

    redirect_urls: list[str]


class LogoutUrls(Success):
    """Where people may be led when they sign out."""

    logout_urls: list[str]


def callback_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of callback addresses."""
    operations, store = Operations("Callbacks"), tenant.store

    def change(app_id: str, changed: Callable[[tuple[str, ...]], Sequence[str]]) -> Success:
        with store.transaction():
            kept = existing_application(store, app_id).redirect_uris
            store.update_application(app_id, redirect_uris=changed(kept))
        return Success()

    @operations.operation("getCallbackURLs")
    def list_callbacks(app_id: str) -> CallbackUrls:
        application: Application = existing_application(store, app_id)
        return CallbackUrls(redirect_urls=list(application.redirect_uris))

    @operations.operation("addRedirectCallbackURLs")
    def add_callbacks(app_id: str, body: Urls) -> Success:
        return change(app_id, lambda kept: _added(kept, body.urls))

    @operations.operation("replaceRedirectCallbackURLs")
    def replace_callbacks(app_id: str, body: Urls) -> Success:
        return change(app_id, lambda _: _added((), body.urls))

    @operations.operation("deleteCallbackURLs")
    def delete_callbacks(app_id: str, urls: DeletedUrls) -> Success:
        return change(app_id, lambda kept: _without(kept, urls))

    return operations


def logout_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of logout addresses."""
    operations, store = Operations("Callbacks"), tenant.store

    def change(app_id: str, changed: Callable[[tuple[str, ...]], Sequence[str]]) -> Success:
        with store.transaction():
            kept = existing_application(store, app_id).logout_uris
            store.update_application(app_id, logout_uris=changed(kept))
        return Success()

    @operations.operation("getLogoutURLs")
    def list_logouts(app_id: str) -> LogoutUrls:
        application: Application = existing_application(store, app_id)
        return LogoutUrls(logout_urls=list(application.logout_uris))

    @operations.operation("addLogoutRedirectURLs")
    def add_logouts(app_id: str, body: Urls) -> Success:
        return change(app_id, lambda kept: _added(kept, body.urls))

    @operations.operation("replaceLogoutRedirectURLs")
    def replace_logouts(app_id: str, body: Urls) -> Success:
        return change(app_id, lambda _: _added((), body.urls))

    @operations.operation("deleteLogoutURLs")
    def delete_logouts(app_id: str, urls: DeletedUrls) -> Success:
        return change(app_id, lambda kept: _without(kept, urls))

    return operations


def _added(kept: tuple[str, ...], urls: Sequence[str]) -> list[str]:
    return list(dict.fromkeys((*kept, *urls)))


def _without(kept: tuple[str, ...], urls: str) -> list[str]:
    # The whole text first: an address may hold a comma itself.
    gone = {urls, *urls.split(",")}
    return [url for url in kept if url not in gone]
