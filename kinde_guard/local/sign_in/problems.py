"""Why a sign-in does not go on: on a page for the person, or back at the application."""

from __future__ import annotations

from kinde_guard.local.oauth_errors import OAuthError


class SignInProblem(Exception):
    """A request that leads to an error page, and never to another address.

    Args:
        title: what is wrong.
        sentence: what to do about it.
        status: of HTTP.
    """

    def __init__(self, title: str, sentence: str, *, status: int = 400) -> None:
        super().__init__(title)
        self.title = title
        self.sentence = sentence
        self.status = status


class ReturnedError(Exception):
    """A fault that is told to the application at its callback address (RFC 6749, 4.1.2.1).

    Args:
        redirect_uri: an address that the application may be called at.
        state: the request's own; None if it had none that can be told.
        error: the fault.
    """

    def __init__(self, redirect_uri: str, state: str | None, error: OAuthError) -> None:
        super().__init__(error.error)
        self.redirect_uri = redirect_uri
        self.state = state
        self.error = error

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """What is added to the address."""
        told = [("error", self.error.error), ("error_description", self.error.description)]
        return [*told, *([] if self.state is None else [("state", self.state)])]
