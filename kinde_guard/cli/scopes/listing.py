"""``scopes list``: the scopes of an API, and as far as can be seen, those of an application.

Kinde's Management API has no request that lists what an application was granted. Whether it is
authorized for the API can be seen; what it holds, only in a token of its own. One is asked for only
on request, since Kinde bills it, and only with the application's own credentials at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kinde_guard.cli.credentials import caller
from kinde_guard.cli.errors import WrongUsage
from kinde_guard.cli.scopes.lookup import api_named, application_named
from kinde_guard.cli.scopes.management import (
    Api,
    ApiScope,
    Application,
    ManagementApi,
    Operation,
)
from kinde_guard.cli.scopes.session import management_session
from kinde_guard.cli.token import fetched, held_scopes


@dataclass(frozen=True, slots=True)
class Holder:
    """An application as it stands to an API.

    Attributes:
        application: which.
        is_authorized: whether it may ask for tokens for the API.
        granted: the scopes that its token holds; None if it was not asked for.
    """

    application: Application
    is_authorized: bool
    granted: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Listing:
    """The scopes of an API, seen from an application if one was named."""

    api: Api
    scopes: tuple[ApiScope, ...]
    holder: Holder | None

    def is_granted(self, scope: ApiScope) -> bool | None:
        """Tell whether the application holds a scope; None if that is not known."""
        if self.holder is None:
            return None
        if not self.holder.is_authorized:
            return False
        return None if self.holder.granted is None else scope.key in self.holder.granted

    def to_json(self) -> dict[str, Any]:
        """Return it for a program."""
        holder = self.holder
        return {
            "api": api_to_json(self.api),
            "application": holder
            and {
                "name": holder.application.name,
                "client_id": holder.application.client_id,
                "is_authorized": holder.is_authorized,
            },
            "scopes": [
                {
                    "scope": scope.key,
                    "description": scope.description,
                    "granted": self.is_granted(scope),
                }
                for scope in self.scopes
            ],
        }


def api_to_json(api: Api) -> dict[str, Any]:
    """Return an API for a program."""
    return {"name": api.name, "audience": api.audience}


def listing(environ: Mapping[str, str], *, api: str, application: str | None, ask: bool) -> Listing:
    """Return the scopes of an API.

    Args:
        environ: the environment.
        api: its audience.
        application: name or client id, None to look at the API alone.
        ask: get a token of the application to see what it holds.

    Raises:
        WrongUsage: a variable is missing, or ``ask`` without the application's credentials.
        Finding: something named is not there, or Kinde does not tell.
    """
    if application is None:
        if ask:
            raise WrongUsage("--ask gets a token of an application: name the application")
        with management_session(environ, Operation.LIST_APIS, Operation.LIST_SCOPES) as management:
            found = api_named(management.apis(), api)
            return Listing(found, tuple(management.scopes(found)), None)
    with management_session(
        environ, Operation.LIST_APIS, Operation.LIST_SCOPES, Operation.LIST_APPLICATIONS
    ) as management:
        found = api_named(management.apis(), api)
        holder = _holder(environ, management, found, application, ask=ask)
        return Listing(found, tuple(management.scopes(found)), holder)


def _holder(
    environ: Mapping[str, str], management: ManagementApi, api: Api, name: str, *, ask: bool
) -> Holder:
    application = application_named(management.applications(), name)
    is_authorized = application.client_id in management.authorized(api)
    if not (ask and is_authorized):
        return Holder(application, is_authorized, None)
    credentials = caller(environ)
    if credentials.client_id != application.client_id:
        raise WrongUsage(
            f"--ask gets a token of {application.name}: set KINDE_CLIENT_ID to its client id"
            f" {application.client_id}, and KINDE_CLIENT_SECRET"
        )
    grant = fetched(credentials, [api.audience], None)
    return Holder(application, is_authorized, held_scopes(grant))
