"""``scopes grant`` and ``scopes revoke``: one scope after the other, with an account of each.

Everything is looked up before anything changes. Both may be run again at any time: what is already
so stays so. Kinde has no request that changes several at once, so one may fail after others were
done; the account then says what was done, what failed and what was not tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from kinde_guard.cli.errors import Finding
from kinde_guard.cli.scopes.account import Account, Step, carry_out
from kinde_guard.cli.scopes.lookup import api_named, application_named, scopes_named
from kinde_guard.cli.scopes.management import (
    Api,
    ApiScope,
    Application,
    ManagementApi,
    Operation,
)
from kinde_guard.cli.scopes.session import managing

LOOK_UP = (
    Operation.LIST_APIS,
    Operation.SHOW_API,
    Operation.LIST_SCOPES,
    Operation.LIST_APPLICATIONS,
)


class Change(Enum):
    """What is done to an application's scopes, and how that is told."""

    GRANT = ("grant", "granted", Operation.GRANT)
    REVOKE = ("revoke", "revoked", Operation.REVOKE)

    @property
    def verb(self) -> str:
        """The command."""
        return self.value[0]

    @property
    def done(self) -> str:
        """What a scope is afterwards."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of a grant or its contrary."""

    change: Change
    application: Application
    api: Api
    account: Account


def change_grants(
    environ: Mapping[str, str],
    change: Change,
    *,
    application: str,
    keys: Sequence[str],
    api: str,
    authorize: bool = False,
) -> Changed:
    """Grant or revoke scopes.

    Args:
        environ: the environment.
        change: which of both.
        application: its name or client id.
        keys: the scopes.
        api: the audience.
        authorize: let the application ask for tokens for the API, if it may not yet.

    Raises:
        WrongUsage: a variable is missing or makes no sense.
        Finding: something named is not there, or the application is not authorized for the API.
    """
    further = (Operation.AUTHORIZE,) if authorize else ()
    with managing(environ, *LOOK_UP, *further, change.value[2]) as management:
        found = api_named(management.apis(), api)
        scopes = scopes_named(found, management.scopes(found), keys)
        who = application_named(management.applications(), application)
        steps = [_step(management, change, found, who, one) for one in scopes]
        if who.client_id not in management.authorized(found):
            # Where it is not authorized it holds nothing, and there is nothing to revoke.
            steps = [_authorize(management, found, who), *steps] if authorize else []
            if change is Change.GRANT and not authorize:
                raise Finding(
                    f"{who.name} ({who.client_id}) is not authorized for {found.name};"
                    " --authorize does that too"
                )
        return Changed(change, who, found, carry_out(steps))


def _step(
    management: ManagementApi, change: Change, api: Api, application: Application, scope: ApiScope
) -> Step:
    request: Callable[[Api, Application, ApiScope], None] = getattr(management, change.verb)
    return Step(change.verb, scope.key, lambda: request(api, application, scope))


def _authorize(management: ManagementApi, api: Api, application: Application) -> Step:
    return Step("authorize", api.audience, lambda: management.authorize(api, application))
