"""``kinde-guard token``: an access token from the tenant, with all granted scopes or some."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC

from kinde_guard import MalformedToken
from kinde_guard.cli.credentials import Credentials, audiences, caller, client_credentials
from kinde_guard.cli.errors import Finding, WrongUsage
from kinde_guard.cli.network import START_LOCAL, check_network_settings, is_loopback
from kinde_guard.client import ClientCredentialsError, TokenEndpointUnavailable, TokenGrant
from kinde_guard.jose.compact_jws import parse
from kinde_guard.jose.strict_json import loads
from kinde_guard.verification.scopes import granted_scopes, scope_names


def run_token(
    environ: Mapping[str, str], *, scopes: Sequence[str], api: str | None, as_json: bool
) -> None:
    """Print a token.

    Args:
        environ: the environment.
        scopes: those to ask for; none for all that is granted.
        api: the audience, None for that of the environment.
        as_json: print one JSON object instead of the token alone.

    Raises:
        WrongUsage: a variable is missing or makes no sense, or a scope is none.
        Finding: Kinde gives no such token; the message says why.
    """
    check_network_settings(environ)
    asked = asked_scopes(scopes)
    audience = audiences(environ, api, option="--audience")
    grant = fetched(caller(environ), audience, asked)
    sys.stdout.write(f"{_as_json(grant, audience) if as_json else grant.access_token}\n")
    sys.stdout.flush()


def asked_scopes(given: Sequence[str]) -> tuple[str, ...] | None:
    """Return the scopes that options name, one or several each; None where there is no option.

    Raises:
        WrongUsage: an option is empty, or holds what is no scope.
    """
    if not given:
        return None
    # Nothing in an option is not a wish for everything: a variable of a script may be unset.
    if not all(option.split() for option in given):
        raise WrongUsage("--scope is empty; leave it out to ask for all that is granted")
    try:
        return scope_names(tuple(name for option in given for name in option.split()))
    except ValueError as error:
        raise WrongUsage(f"--scope: {error}") from error


def fetched(
    credentials: Credentials, audience: Sequence[str], scopes: Sequence[str] | None
) -> TokenGrant:
    """Ask for a token, which Kinde bills.

    Raises:
        WrongUsage: a value makes no sense.
        Finding: there is none; the message says why and what to do.
    """
    try:
        return client_credentials(credentials, audience, scopes).fetch()
    except ClientCredentialsError as error:
        raise Finding(explain_failure(error, credentials.issuer)) from error


def explain_failure(error: ClientCredentialsError, issuer: str) -> str:
    """Return why there is no token, as one line.

    Args:
        error: the failure.
        issuer: the tenant that was asked.
    """
    # An answer has a status; without any there is no server.
    if isinstance(error, TokenEndpointUnavailable) and error.status is None and is_loopback(issuer):
        return f"no token from {error.url}: {error.problem}; {START_LOCAL}"
    return str(error)


def held_scopes(grant: TokenGrant) -> frozenset[str]:
    """Return the scopes that a token holds: as it says itself, or else as Kinde said.

    It is looked into, not verified: it came from the tenant just now.
    """
    try:
        claims = loads(parse(grant.access_token.encode(), {}).payload)
    except (MalformedToken, ValueError):
        return grant.scopes
    return granted_scopes(claims) if isinstance(claims, dict) else grant.scopes


def _as_json(grant: TokenGrant, audience: Sequence[str]) -> str:
    return json.dumps(
        {
            "access_token": grant.access_token,
            "token_type": "bearer",
            "audience": list(audience),
            "scopes": sorted(held_scopes(grant)),
            "expires_at": grant.expires_at.astimezone(UTC).isoformat(),
        }
    )
