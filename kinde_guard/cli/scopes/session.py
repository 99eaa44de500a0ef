"""One command's access to the Management API: the least that it needs, and its errors in one line.

The token is asked for with just the scopes that the command needs. So an application that lacks one
is told so by the token endpoint, before anything has changed, and Kinde bills one token a command.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import httpx

from kinde_guard.cli.credentials import Credentials, client_credentials, manager
from kinde_guard.cli.errors import Finding
from kinde_guard.cli.scopes.management import (
    ManagementApi,
    ManagementError,
    ManagementRefused,
    Operation,
)
from kinde_guard.client import ClientCredentialsError, ScopeNotGranted

TIMEOUT: Final = 15.0
WHERE: Final = "Settings > Applications > the application > APIs > Manage scopes"


@contextmanager
def management_session(
    environ: Mapping[str, str], *operations: Operation
) -> Iterator[ManagementApi]:
    """Give the Management API to a command.

    Args:
        environ: the environment.
        operations: all that the command may ask.

    Raises:
        WrongUsage: a variable is missing or makes no sense.
        Finding: no token is to be had, or the Management API did not do what was asked.
    """
    credentials = manager(environ)
    needed = tuple(dict.fromkeys(operation.scope for operation in operations))
    auth = client_credentials(credentials, f"{credentials.issuer}/api", needed)
    try:
        with httpx.Client(base_url=credentials.issuer, auth=auth, timeout=TIMEOUT) as client:
            yield ManagementApi(client)
    except (ClientCredentialsError, ManagementError) as error:
        raise Finding(explained(error, credentials, needed)) from error


def explained(error: Exception, credentials: Credentials, needed: tuple[str, ...]) -> str:
    """Return what went wrong and what to do, as one line."""
    who = f"the application {credentials.client_id}"
    says = getattr(error, "description", "") or str(error)
    code = getattr(error, "error", "")
    if isinstance(error, ScopeNotGranted) or code == "invalid_scope":
        return (
            f"{who} may not do this: it needs, on the Kinde Management API, {' '.join(needed)}"
            f" ({WHERE}). Kinde says: {says}"
        )
    if code == "unauthorized_client":
        return (
            f"{who} is not authorized for the Kinde Management API: authorize it with"
            f" {' '.join(needed)}, or set KINDE_MANAGEMENT_CLIENT_ID and"
            f" KINDE_MANAGEMENT_CLIENT_SECRET to one that is. Kinde says: {says}"
        )
    if isinstance(error, ManagementRefused) and error.needs:
        return f"{error} ({WHERE})"
    return str(error)
