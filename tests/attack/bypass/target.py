"""The application that is attacked: it notes whom its handlers served, and lets nobody else in.

A refusal alone proves little: an answer may say 401 while the handler ran. So every attack asks two
things: what the caller was answered, and whether any handler was reached.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Request, WebSocket

from kinde_guard import (
    AccessToken,
    GuardError,
    KindeGuard,
    optional_token,
    require_scopes,
)
from tests.core.exchange import Answer, Conversation, call, check_refusal, connect

METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"]
PUBLIC: Final = ("/open", "/assets/*")

MakeGuard = Callable[..., KindeGuard]


@dataclass
class Target:
    """A guarded application with a handler for every path, and a list of those that ran."""

    guard: KindeGuard
    app: FastAPI = field(default_factory=lambda: FastAPI(redirect_slashes=True))
    reached: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _add_routes(self.app, self.reached)
        self.guard.install(self.app)

    async def refuses(
        self, error: type[GuardError], path: str = "/users", **request: Any
    ) -> Answer:
        """Send a request and check the whole refusal, and that no handler ran."""
        answer = await call(self.app, path, **request)
        assert self.reached == []
        check_refusal(answer, error)
        return answer

    async def lets_in(self, path: str = "/users", **request: Any) -> Answer:
        """Send a request that is good: the attack beside it fails for no other reason."""
        answer = await call(self.app, path, **request)
        assert answer.status == 200, answer.text
        assert len(self.reached) == 1
        self.reached.clear()
        return answer

    async def turns_away(self, path: str = "/feed", **request: Any) -> Conversation:
        """Open a WebSocket and check that it is never accepted, and that no handler ran."""
        talk = await connect(self.app, path, **request)
        assert self.reached == []
        assert not talk.accepted
        assert talk.texts == []
        return talk


def _add_routes(app: FastAPI, reached: list[str]) -> None:
    @app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
    async def list_users() -> list[str]:
        reached.append("/users")
        return ["ada"]

    @app.get("/open")
    async def open_to_all(
        token: Annotated[AccessToken | None, Depends(optional_token)],
    ) -> dict[str, str | None]:
        reached.append("/open")
        return {"principal": token.principal if token else None}

    @app.websocket("/feed")
    async def feed(
        websocket: WebSocket, token: Annotated[AccessToken, Depends(require_scopes("read:users"))]
    ) -> None:
        reached.append("/feed")
        await websocket.accept()
        await websocket.send_text(f"hello {token.principal}")
        await websocket.close()

    @app.websocket("/plain-feed")
    async def plain_feed(websocket: WebSocket) -> None:
        reached.append("/plain-feed")
        await websocket.accept()
        await websocket.close()

    # Whatever path the router makes of a request, some handler of this application answers to it.
    @app.api_route("/{path:path}", methods=METHODS)
    async def anything(path: str, request: Request) -> dict[str, str]:
        reached.append(f"/{path}")
        return {"path": path, "method": request.method}
