"""What a client of local Kinde sends and checks, written without a line of the package's own."""

from __future__ import annotations

from typing import Any, Final, Protocol

import httpx
import jwt

NOW: Final = 1_780_000_000
API: Final = "https://api.demo.example"
ALL: Final = "read:users create:users update:users delete:users read:roles update:roles"

INVALID_CLIENT: Final = {
    "error": "invalid_client",
    "error_description": (
        "Client authentication failed (e.g., unknown client, no client authentication included,"
        " or unsupported authentication method)."
    ),
}
INVALID_REQUEST: Final = (
    "The request is missing a required parameter, includes an invalid parameter value,"
    " includes a parameter more than once, or is otherwise malformed."
)
UNAUTHORIZED: Final = "The client is not authorized to request a token using this method."


class Credentials(Protocol):
    """What a token request needs to know of an application."""

    @property
    def client_id(self) -> str: ...
    @property
    def client_secret(self) -> str: ...


def credentials(application: Credentials) -> dict[str, str]:
    return {"client_id": application.client_id, "client_secret": application.client_secret}


def token_form(application: Credentials, **changes: Any) -> dict[str, Any]:
    """A good token request; a change to None leaves a parameter out."""
    form = {
        "grant_type": "client_credentials",
        **credentials(application),
        "audience": API,
        **changes,
    }
    return {name: value for name, value in form.items() if value is not None}


def ask(http: httpx.Client, application: Credentials, **changes: Any) -> httpx.Response:
    return http.post("/oauth2/token", data=token_form(application, **changes))


def verified(http: httpx.Client, raw: str) -> dict[str, Any]:
    """The claims of a token, its signature checked against the published keys."""
    keys = jwt.PyJWKSet.from_dict(http.get("/.well-known/jwks.json").json())
    key = keys[jwt.get_unverified_header(raw)["kid"]]
    skipped = dict.fromkeys(("verify_exp", "verify_iat", "verify_aud", "verify_iss"), False)
    claims: dict[str, Any] = jwt.decode(raw, key, algorithms=["RS256"], options=skipped)  # type: ignore[arg-type]
    return claims


def assert_refused(answer: httpx.Response, status: int, body: object) -> None:
    assert (answer.status_code, answer.json()) == (status, body)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
