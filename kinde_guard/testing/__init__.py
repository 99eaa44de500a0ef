"""A pytest plugin: test a guarded application against local Kinde, without network or account.

It is active where kinde-guard is installed (``-p no:kinde_guard`` turns it off), and imports
nothing of it before a test asks for one of its fixtures:

``local_kinde``
    a running :class:`~kinde_guard.local.LocalKinde`, one for the whole session
``kinde_token``
    makes access tokens: ``kinde_token(scopes=["read:users"])``; see :class:`KindeToken`

``trust(app, local_kinde)`` lets an application that was made for a tenant trust local Kinde
instead, inside a ``with`` block and nowhere else. ``assert_guarded(app)`` fails where a route was
left unguarded.

Example:
    >>> from fastapi import Depends, FastAPI
    >>> from fastapi.testclient import TestClient
    >>> from kinde_guard import KindeGuard, require_scopes
    >>> app = FastAPI()
    >>> KindeGuard("acme.kinde.com", audience="https://api.acme.com").install(app)
    >>> @app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
    ... async def list_users() -> list[str]:
    ...     return ["ada"]
    >>> def test_users_are_listed(local_kinde, kinde_token):
    ...     headers = {"Authorization": f"Bearer {kinde_token(scopes=['read:users'])}"}
    ...     with trust(app, local_kinde), TestClient(app, headers=headers) as client:
    ...         assert client.get("/users").json() == ["ada"]

"""

from kinde_guard.testing.fixtures import KindeToken, kinde_token, local_kinde
from kinde_guard.testing.guarded import assert_guarded
from kinde_guard.testing.trust import trust

__all__ = ["KindeToken", "assert_guarded", "kinde_token", "local_kinde", "trust"]
