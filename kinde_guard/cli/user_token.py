"""``kinde-guard token --user | --login | --device``: an access token of a user."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kinde_guard.cli.credentials import audiences, tenant_issuer
from kinde_guard.cli.errors import Finding, WrongUsage
from kinde_guard.cli.network import check_network_settings
from kinde_guard.cli.sign_in import (
    PublicClient,
    UserGrant,
    browser_token,
    check_user_options,
    device_token,
    hinted_token,
)
from kinde_guard.local.seed import FRONT_END_CLIENT_ID

FRONT_END: Final = "KINDE_FRONTEND_CLIENT_ID"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """The options of ``token`` that concern users.

    Attributes:
        user: the e-mail address of a person of local Kinde.
        login: sign in with the browser.
        device: sign in on another device.
        org: the code of the organization.
        client_id: the front-end application; None for that of the environment.
        port: of the callback URL of ``login``.
    """

    user: str | None
    login: bool
    device: bool
    org: str | None
    client_id: str | None
    port: int


def run_user_token(
    environ: Mapping[str, str], sign_in: SignIn, *, api: str | None, as_json: bool
) -> None:
    """Print a user's token.

    Args:
        environ: the environment.
        sign_in: how to sign in.
        api: the audience, None for that of the environment.
        as_json: print one JSON object instead of the token alone.

    Raises:
        WrongUsage: an option or a variable is missing or makes no sense.
        Finding: the sign-in failed; the message says why.
    """
    check_network_settings(environ)
    issuer = tenant_issuer(environ)
    check_user_options(issuer, user=sign_in.user, login=sign_in.login, device=sign_in.device)
    client_id = (sign_in.client_id or environ.get(FRONT_END, "")).strip()
    if not client_id and sign_in.user is not None:
        client_id = FRONT_END_CLIENT_ID
    if not client_id:
        raise WrongUsage(
            f"no front-end application is named: give --client-id ID, or set {FRONT_END}, which"
            " `kinde-guard local --env-file FILE` writes"
        )
    audience = tuple(audiences(environ, api, option="--audience"))
    grant = _granted(PublicClient(issuer, client_id, audience, sign_in.org), sign_in)
    if _is_for_none_of(grant.access_token, audience):
        raise Finding(
            f"the token is not for {' or '.join(audience)}: is that the audience of an API of"
            f" {issuer}, and is the application {client_id} authorized for it?"
        )
    sys.stdout.write(f"{_as_json(grant, audience) if as_json else grant.access_token}\n")
    sys.stdout.flush()


def _granted(client: PublicClient, sign_in: SignIn) -> UserGrant:
    if sign_in.user is not None:
        return hinted_token(client, sign_in.user.strip())
    if sign_in.device:
        return device_token(client)
    return browser_token(client, port=sign_in.port)


def _is_for_none_of(token: str, audience: tuple[str, ...]) -> bool:
    """Tell whether a token says that it is for other APIs; it is not verified."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, IndexError, RecursionError):
        return False
    named = claims.get("aud") if isinstance(claims, dict) else None
    return isinstance(named, list) and not set(audience) & {str(name) for name in named}


def _as_json(grant: UserGrant, audience: tuple[str, ...]) -> str:
    return json.dumps(
        {
            "access_token": grant.access_token,
            "token_type": "bearer",
            "audience": list(audience),
            "expires_in": grant.expires_in,
        }
    )
