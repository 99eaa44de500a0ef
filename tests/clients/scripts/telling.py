"""What the Python scripts here have in common.

Each is given one JSON document on standard input, and tells one on standard output.
"""

# What it imports is installed in tests/clients/.venv only.
# mypy: disable-error-code="import-not-found,import-untyped"

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from kinde_sdk.management import ManagementClient
from kinde_sdk.management.exceptions import ApiException
from kinde_sdk.management.management_token_manager import ManagementTokenManager

given = json.load(sys.stdin)


def tell(document: object) -> None:
    json.dump(document, sys.stdout, default=_json_of_a_model)


def _json_of_a_model(model: Any) -> Any:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def acting_as(credentials: dict[str, str]) -> Any:
    """Return the SDK's client, with a token of its own."""
    # The SDK keeps one token, and one secret, for each client id.
    ManagementTokenManager.reset_instances()
    domain = given["issuer"].removeprefix("https://")
    return ManagementClient(domain, credentials["client_id"], credentials["client_secret"])


def refusal(call: Callable[[], Any]) -> dict[str, Any]:
    """Return what a call was refused with; a call that is not refused is an error of its own."""
    try:
        answer = call()
    except ApiException as error:
        return {
            "name": type(error).__name__,
            "status": error.status,
            "body": json.loads(error.body),
            "understood": error.data,
        }
    raise RuntimeError(f"not refused: {answer}")


def token(credentials: dict[str, str], audience: str) -> Any:
    """Return a token for any API, or what the token endpoint refuses it with.

    The SDK asks for the Management API's tokens only. Authlib, on which it stands, asks here.
    """
    session = OAuth2Session(
        credentials["client_id"],
        credentials["client_secret"],
        token_endpoint_auth_method="client_secret_post",
    )
    url = f"{given['issuer']}/oauth2/token"
    try:
        grant = session.fetch_token(url, grant_type="client_credentials", audience=audience)
    except OAuthError as error:
        return {"refused": error.description}
    return grant["access_token"]
