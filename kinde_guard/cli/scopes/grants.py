"""``scopes grant`` and ``scopes revoke``: one request for each scope.

Everything is looked up before anything changes, and both commands are idempotent. Kinde has no
request that changes several scopes at once, so one may fail after others succeeded; the result
names the changes that were made, the one that failed and those that were not tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from kinde_guard.cli.errors import Finding
from kinde_guard.cli.scopes.execution import Execution, Step, execute
from kinde_guard.cli.scopes.lookup import api_named, application_named, scopes_named
from kinde_guard.cli.scopes.management import (
    Api,
    ApiScope,
    Application,
    ManagementApi,
    Operation,
)
from kinde_guard.cli.scopes.session import management_session

LOOK_UP = (
    Operation.LIST_APIS,
    Operation.SHOW_API,
    Operation.LIST_SCOPES,
    Operation.LIST_APPLICATIONS,
)

ADD_FIRST = (
    "; `kinde-guard scopes apply MODULE:APP` adds the scopes that an application's code requires"
)


class Change(Enum):
    """A change of an application's grants."""

    GRANT = ("grant", "granted", Operation.GRANT)
    REVOKE = ("revoke", "revoked", Operation.REVOKE)

    @property
    def verb(self) -> str:
        """The command."""
        return self.value[0]

    @property
    def done(self) -> str:
        """The participle, for messages."""
        return self.value[1]

    @property
    def operation(self) -> Operation:
        """The request that makes the change."""
        return self.value[2]


@dataclass(frozen=True, slots=True)
class Changed:
    """The result of a grant or revocation."""

    change: Change
    application: Application
    api: Api
    execution: Execution


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
        change: grant or revoke.
        application: name or client id.
        keys: the names of the scopes.
        api: the audience.
        authorize: authorize the application for the API first, if it is not.

    Raises:
        WrongUsage: a variable is missing or makes no sense.
        Finding: something named is not there, or the application is not authorized for the API.
    """
    further = (Operation.AUTHORIZE,) if authorize else ()
    with management_session(environ, *LOOK_UP, *further, change.operation) as management:
        target = api_named(management.apis(), api)
        advice = ADD_FIRST if change is Change.GRANT else ""
        scopes = scopes_named(target, management.scopes(target), keys, advice=advice)
        holder = application_named(management.applications(), application)
        steps = [_step(management, change, target, holder, scope) for scope in scopes]
        if holder.client_id not in management.authorized(target):
            # An application that is not authorized has no scopes: there is nothing to revoke.
            steps = [_authorize(management, target, holder), *steps] if authorize else []
            if change is Change.GRANT and not authorize:
                raise Finding(
                    f"{holder.name} ({holder.client_id}) is not authorized for {target.name};"
                    " --authorize does that too"
                )
        return Changed(change, holder, target, execute(steps))


def _step(
    management: ManagementApi, change: Change, api: Api, application: Application, scope: ApiScope
) -> Step:
    # Kept apart from the word of the command line: a new verb is a KeyError, never a method.
    requests: Mapping[Change, Callable[[Api, Application, ApiScope], None]] = {
        Change.GRANT: management.grant,
        Change.REVOKE: management.revoke,
    }
    request = requests[change]
    return Step(change.verb, scope.key, lambda: request(api, application, scope))


def _authorize(management: ManagementApi, api: Api, application: Application) -> Step:
    return Step("authorize", api.audience, lambda: management.authorize(api, application))
