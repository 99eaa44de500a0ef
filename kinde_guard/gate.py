"""The steps that every dependency of the guard takes: who comes, and turning somebody away."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from kinde_guard.admission import admission
from kinde_guard.answers import answer_refusal
from kinde_guard.errors import GuardError, MissingToken
from kinde_guard.token import AccessToken


def token_of(connection: HTTPConnection) -> AccessToken:
    """Return the verified token of a request.

    Raises:
        MissingToken: there is none, which can only be on a public path.
        HTTPException: 500, because no guard stands before the application.
    """
    token = admission(connection.scope).token
    if token is None:
        raise refused(connection, MissingToken())
    return token


def refused(connection: HTTPConnection, error: GuardError) -> GuardError:
    """Count a refusal, see to it that it is answered, and return it to be raised."""
    admission(connection.scope).guard.refused(error)
    handlers = connection.scope.get("starlette.exception_handlers")
    if handlers is not None:
        # A mounted application answers exceptions itself, with 500 where it knows no handler. It
        # cannot know ours, so it is told, unless it has one.
        handlers[0].setdefault(GuardError, answer_refusal)
    return error
