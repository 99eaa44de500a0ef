"""kinde-python-sdk: the endpoints that it discovers, and a token that it has introspected."""

# What it imports is installed in tests/clients/.venv only.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

from typing import Any

from kinde_sdk import OAuth
from telling import acting_as, given, tell


def endpoints() -> dict[str, str]:
    oauth = OAuth(
        client_id="website",
        client_secret=given["wrong_secret"],
        redirect_uri="https://127.0.0.1:9/callback",
        host=given["issuer"],
        audience=given["audience"],
    )
    names = ("auth_url", "token_url", "logout_url", "userinfo_url")
    return {name: getattr(oauth, name) for name in names}


def introspected(token: str) -> Any:
    """Return what the SDK hears of a token, or why it will not use it."""
    tokens = acting_as(given["management"]).token_manager
    try:
        heard = tokens.validate_and_set_via_introspection(token)
    except ValueError as error:
        return str(error)
    return {"heard": heard, "is_used": tokens.get_access_token() == token}


if __name__ == "__main__":
    answers = {name: introspected(token) for name, token in given["tokens"].items()}
    tell({"endpoints": endpoints(), "introspected": answers})
