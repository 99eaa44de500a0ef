"""Whether an application gets a token that the guard lets in. One is asked for, and billed."""

from __future__ import annotations

from collections.abc import Mapping

from kinde_guard import GuardError
from kinde_guard.cli.doctor.diagnosis import Diagnosis, Health
from kinde_guard.cli.errors import WrongUsage
from kinde_guard.engine import GuardEngine

CALLER = ("KINDE_CLIENT_ID", "KINDE_CLIENT_SECRET")
_NAME = "token"


async def diagnose_token(guard: GuardEngine, environ: Mapping[str, str]) -> Diagnosis:
    """Ask for a token with client credentials, and have the guard verify it.

    Args:
        guard: of the API.
        environ: holds the credentials, or does not.
    """
    missing = [name for name in CALLER if not environ.get(name, "").strip()]
    audience = guard.settings.audience
    if missing:
        says = f"no test token: {' and '.join(missing)} not set"
        return Diagnosis(_NAME, Health.SKIPPED, says)
    if audience is None:
        return Diagnosis(_NAME, Health.SKIPPED, "no test token: the guard names no audience")
    try:
        raw, scopes = await _ask(guard, environ)
    except WrongUsage as error:
        return Diagnosis(_NAME, Health.ILL, error.format_message(), f"set {' and '.join(CALLER)}")
    except _Refused as error:
        return Diagnosis(_NAME, Health.ILL, str(error))
    try:
        await guard.verify(raw)
    except GuardError as error:
        says = f"the tenant's own token is refused: {error.reason}"
        return Diagnosis(_NAME, Health.ILL, says, "see what kinde-guard explain says of it")
    return Diagnosis(_NAME, Health.OK, f"granted and let in; scopes: {scopes or 'none'}")


class _Refused(Exception):
    """The token endpoint gave no token."""


async def _ask(guard: GuardEngine, environ: Mapping[str, str]) -> tuple[str, str]:
    from kinde_guard.cli.credentials import Credentials, client_credentials  # noqa: PLC0415
    from kinde_guard.client import ClientCredentialsError  # noqa: PLC0415 - only where needed

    client_id, secret = (environ[name].strip() for name in CALLER)
    credentials = Credentials(guard.issuer, client_id, secret)
    auth = client_credentials(credentials, guard.settings.audience or (), None)
    try:
        grant = await auth.afetch()
    except ClientCredentialsError as error:
        raise _Refused(str(error)) from error
    return grant.access_token, ", ".join(sorted(grant.scopes))
