"""``assert_guarded``: one line of a test that finds unprotected routes."""

from __future__ import annotations

from collections.abc import Collection


def assert_guarded(app: object, *, allow: Collection[str] = ()) -> None:
    """Fail unless every route of an application is public or asks for a scope.

    Args:
        app: a FastAPI or Starlette application with a guard installed.
        allow: subjects of findings that are meant: ``"GET /me"``, ``"/me"`` for every method, the
            name of a scope, or a public path.

    Raises:
        AssertionError: there are findings; the message lists each, with what to do.

    Source: OWASP API Security Top 10 2023, API5 (broken function level authorization).

    Example:
        >>> from fastapi import FastAPI
        >>> from kinde_guard import KindeGuard
        >>> app = FastAPI()
        >>> KindeGuard("acme.kinde.com", audience="https://api.acme.com").install(app)
        >>> assert_guarded(app)
    """
    # Imported here: pytest imports this module in every run, for the plugin.
    from kinde_guard.audit.findings import assert_guarded as check  # noqa: PLC0415

    check(app, allow=allow)
