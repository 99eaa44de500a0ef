"""Sessions with the Management API, with the fewest scopes that a command needs.

The token request names just the scopes of the command's requests: the token endpoint refuses an
application that lacks one before anything has changed, and Kinde bills one token for each command.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from kinde_guard.cli.credentials import Credentials, client_credentials, manager
from kinde_guard.cli.errors import Finding
from kinde_guard.cli.network import (
    START_LOCAL,
    check_network_settings,
    http_client,
    is_loopback,
)
from kinde_guard.cli.scopes.management import (
    ManagementApi,
    ManagementError,
    ManagementRefused,
    ManagementUnreachable,
    Operation,
)
from kinde_guard.cli.token import explain_failure
from kinde_guard.client import ClientCredentialsError, ScopeNotGranted

TIMEOUT: Final = 15.0
WHERE: Final = "Settings > Applications > the application > APIs > Manage scopes"


@contextmanager
def management_session(
    environ: Mapping[str, str], *operations: Operation
) -> Iterator[ManagementApi]:
    """Open the Management API for one command.

    Args:
        environ: the environment.
        operations: all requests that the command may make.

    Raises:
        WrongUsage: a variable is missing or makes no sense.
        Finding: there is no token, or the Management API refused a request.
    """
    check_network_settings(environ)
    credentials = manager(environ)
    needed = tuple(dict.fromkeys(operation.scope for operation in operations))
    auth = client_credentials(credentials, f"{credentials.issuer}/api", needed)
    try:
        with http_client(
            credentials.issuer, base_url=credentials.issuer, auth=auth, timeout=TIMEOUT
        ) as client:
            yield ManagementApi(client)
    except (ClientCredentialsError, ManagementError) as error:
        raise Finding(explained(error, credentials, needed)) from error


def explained(error: Exception, credentials: Credentials, needed: tuple[str, ...]) -> str:
    """Return the failure and its remedy, as one line."""
    application = f"the application {credentials.client_id}"
    description = getattr(error, "description", "") or str(error)
    code = getattr(error, "error", "")
    if isinstance(error, ScopeNotGranted) or code == "invalid_scope":
        return (
            f"{application} may not do this: it needs, on the Kinde Management API,"
            f" {' '.join(needed)} ({WHERE}). Kinde says: {description}"
        )
    if code == "unauthorized_client":
        return (
            f"{application} is not authorized for the Kinde Management API: authorize it with"
            f" {' '.join(needed)}, or set KINDE_MANAGEMENT_CLIENT_ID and"
            f" KINDE_MANAGEMENT_CLIENT_SECRET to one that is. Kinde says: {description}"
        )
    if isinstance(error, ManagementRefused) and error.needs:
        return f"{error} ({WHERE})"
    if isinstance(error, ClientCredentialsError):
        return explain_failure(error, credentials.issuer)
    if isinstance(error, ManagementUnreachable) and is_loopback(credentials.issuer):
        return f"{error}; {START_LOCAL}"
    return str(error)
