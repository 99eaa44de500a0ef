"""Guard a FastAPI service with Kinde access tokens.

    from fastapi import Depends, FastAPI
    from kinde_guard import KindeGuard, require_scopes

    app = FastAPI()
    KindeGuard("acme.kinde.com", audience="https://api.acme.com").install(app)

    @app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
    async def list_users(): ...

The names live in :mod:`kinde_guard.public` and are imported with the first one that is used: pytest
imports this package in every run, for its plugin, and most runs test something else.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.2.0"

if TYPE_CHECKING:
    from kinde_guard.public import *  # noqa: F403
else:

    def __getattr__(name: str) -> object:
        public = import_module("kinde_guard.public")
        if name != "__all__" and name not in public.__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(public, name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *import_module("kinde_guard.public").__all__})
