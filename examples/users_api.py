"""A small API over SQLite, users and their roles, where every endpoint says which scope it needs.

Run it with ``python users_api.py``, or with ``uvicorn users_api:create_app --factory``. It trusts
the tenant of KINDE_DOMAIN and KINDE_AUDIENCE, or else local Kinde (``kinde-guard local``). Users
live in memory, or in the SQLite file that DATABASE names.
"""

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Annotated, Any, Literal, Self, TypeAlias

import anyio
import uvicorn
from fastapi import (
    APIRouter,
    Depends,
    FastAPI,
    Path,
    Query,
    Request,
    Response,
    Security,
    WebSocket,
    WebSocketDisconnect,
)
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from kinde_guard import AccessToken, KindeGuard, current_token, require_any_scope, require_scopes
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import HTTPConnection

PUBLIC_PATHS = ("/health", "/ready")
"""For the guard's ``public_paths``: whoever checks the service's health has no token."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE COLLATE NOCASE,
    created_at TEXT NOT NULL,
    created_by TEXT
);
CREATE TABLE IF NOT EXISTS roles (name TEXT PRIMARY KEY, description TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS user_roles (
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    role TEXT NOT NULL REFERENCES roles,
    PRIMARY KEY (user_id, role)
);
INSERT OR IGNORE INTO roles VALUES
    ('admin', 'May change everything'), ('editor', 'May change texts'), ('viewer', 'May look');
"""

MAX_ID = 2**63 - 1
"""The largest integer that SQLite stores; a larger one in a path is a 422, not an error of ours."""


# What goes in and out


class NewUser(BaseModel):
    """A user as a caller describes one."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str = Field(min_length=1, max_length=100, examples=["Ada Lovelace"])
    email: str = Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$", examples=["ada@example.com"])


class User(NewUser):
    """A user as the API knows one."""

    id: int
    created_at: datetime
    created_by: str | None = Field(description="Who called: the principal of the access token.")


class Page(BaseModel):
    """Some users, and where the next ones begin."""

    users: list[User]
    next_after: int | None = Field(description="Send it as `after` for the next page.")


class Role(BaseModel):
    """Something that a user may be allowed."""

    name: str
    description: str


class Change(BaseModel):
    """Something that happened to a user, and who did it."""

    event: Literal["created", "updated", "deleted", "roles_changed"]
    user_id: int
    by: str | None


class Refusal(BaseModel):
    """Why a request was not done."""

    detail: str


# Where users are kept


class NotFoundError(LookupError):
    """There is no such user, or no such role."""


class EmailTakenError(ValueError):
    """Another user has this e-mail address."""


class UserRepository:
    """Users and roles in an SQLite database, open inside ``async with``.

    SQLite blocks, so the event loop never touches it: statements go to one worker thread, which
    owns the connection and runs them in order, each in a transaction of its own. A request that is
    cancelled half-way therefore leaves nothing half done.
    """

    def __init__(self, database: str) -> None:
        self._database = database

    async def __aenter__(self) -> Self:
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        await asyncio.wrap_future(self._worker.submit(self._open))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.wrap_future(self._worker.submit(self._connection.close))
        self._worker.shutdown()

    async def page(self, after: int, limit: int) -> list[User]:
        """Return up to ``limit`` users in order of their ids, beginning behind ``after``."""
        rows = await self._run("SELECT * FROM users WHERE id > ? ORDER BY id LIMIT ?", after, limit)
        return [User.model_validate(row) for row in rows]

    async def get(self, user_id: int) -> User:
        """Return one user, or raise NotFoundError."""
        return User.model_validate(
            only(await self._run("SELECT * FROM users WHERE id = ?", user_id))
        )

    async def create(self, user: NewUser, by: str | None) -> User:
        """Add a user, or raise EmailTakenError."""
        rows = await self._run(
            "INSERT INTO users (name, email, created_at, created_by) VALUES (?, ?, ?, ?)"
            " RETURNING *",
            user.name,
            user.email,
            datetime.now(UTC).isoformat(timespec="seconds"),
            by,
        )
        return User.model_validate(only(rows))

    async def replace(self, user_id: int, user: NewUser) -> User:
        """Change a user, or raise NotFoundError or EmailTakenError."""
        rows = await self._run(
            "UPDATE users SET name = ?, email = ? WHERE id = ? RETURNING *",
            user.name,
            user.email,
            user_id,
        )
        return User.model_validate(only(rows))

    async def delete(self, user_id: int) -> None:
        """Remove a user with all roles, or raise NotFoundError."""
        only(await self._run("DELETE FROM users WHERE id = ? RETURNING id", user_id))

    async def roles(self) -> list[Role]:
        """Return every role that there is."""
        rows = await self._run("SELECT * FROM roles ORDER BY name")
        return [Role.model_validate(row) for row in rows]

    async def roles_of(self, user_id: int) -> list[str]:
        """Return the names of a user's roles, or raise NotFoundError."""
        await self.get(user_id)
        rows = await self._run(
            "SELECT role FROM user_roles WHERE user_id = ? ORDER BY role", user_id
        )
        return [row["role"] for row in rows]

    async def give_role(self, user_id: int, role: str) -> None:
        """Give a user a role; giving it twice is fine. Raises NotFoundError."""
        await self._run("INSERT OR IGNORE INTO user_roles VALUES (?, ?)", user_id, role)

    async def take_role(self, user_id: int, role: str) -> None:
        """Take a role from a user who has it, or raise NotFoundError."""
        only(
            await self._run(
                "DELETE FROM user_roles WHERE user_id = ? AND role = ? RETURNING role",
                user_id,
                role,
            )
        )

    async def _run(self, statement: str, *values: object) -> list[dict[str, Any]]:
        return await asyncio.wrap_future(self._worker.submit(self._transact, statement, values))

    def _open(self) -> None:
        self._connection = sqlite3.connect(self._database)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.executescript(SCHEMA)

    def _transact(self, statement: str, values: tuple[object, ...]) -> list[dict[str, Any]]:
        try:
            with self._connection:
                return [dict(row) for row in self._connection.execute(statement, values)]
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorname == "SQLITE_CONSTRAINT_UNIQUE":
                raise EmailTakenError("Another user has this e-mail address.") from None
            raise NotFoundError("There is no such user or role.") from None


def only(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the one row there is, or raise NotFoundError."""
    if not rows:
        raise NotFoundError("There is no such user or role.")
    return rows[0]


# Who wants to hear of changes


class ChangeFeed:
    """Tells every subscriber of every change. One that reads too slowly misses some."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[Change]] = set()

    def publish(self, change: Change) -> None:
        """Tell all subscribers, and wait for none of them."""
        for queue in self._queues:
            with suppress(asyncio.QueueFull):
                queue.put_nowait(change)

    @contextmanager
    def subscribe(self) -> Iterator[asyncio.Queue[Change]]:
        """Give a queue that fills with changes until the block is left."""
        queue: asyncio.Queue[Change] = asyncio.Queue(maxsize=100)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)


# The endpoints


async def users_of(connection: HTTPConnection) -> UserRepository:
    """Give a route the users; the app's lifespan opened them."""
    users: UserRepository = connection.app.state.users
    return users


async def changes_of(connection: HTTPConnection) -> ChangeFeed:
    """Give a route the feed of changes."""
    changes: ChangeFeed = connection.app.state.changes
    return changes


async def guard_of(connection: HTTPConnection) -> KindeGuard:
    """Give a route the guard; only the readiness check asks for it."""
    guard: KindeGuard = connection.app.state.guard
    return guard


Users: TypeAlias = Annotated[UserRepository, Depends(users_of)]
Changes: TypeAlias = Annotated[ChangeFeed, Depends(changes_of)]
Id: TypeAlias = Annotated[int, Path(ge=1, le=MAX_ID)]

# A route that only needs the scope names it in its decorator. A route that also wants to know who
# calls takes the token as a parameter: the same dependency, the same check.
UserCreator: TypeAlias = Annotated[AccessToken, Depends(require_scopes("create:users"))]
UserUpdater: TypeAlias = Annotated[AccessToken, Depends(require_scopes("update:users"))]
RoleUpdater: TypeAlias = Annotated[AccessToken, Depends(require_scopes("update:roles"))]
UserReader: TypeAlias = Annotated[AccessToken, Depends(require_scopes("read:users"))]
# FastAPI's own idiom does as well.
UserDeleter: TypeAlias = Annotated[AccessToken, Security(current_token, scopes=["delete:users"])]

NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": Refusal}}
EMAIL_TAKEN: dict[int | str, dict[str, Any]] = {409: {"model": Refusal}}

router = APIRouter()


@router.get("/health")
async def health() -> dict[str, str]:
    """Say that the process is alive."""
    return {"status": "ok"}


@router.get("/ready", responses={503: {"description": "There are no keys to verify tokens with."}})
async def ready(
    guard: Annotated[KindeGuard, Depends(guard_of)], response: Response
) -> dict[str, bool]:
    """Say whether tokens can be verified; a load balancer asks before it sends traffic here."""
    is_ready = guard.ready
    response.status_code = 200 if is_ready else 503
    return {"ready": is_ready}


@router.get("/users", dependencies=[Depends(require_scopes("read:users"))])
async def list_users(
    users: Users,
    after: Annotated[int, Query(ge=0, le=MAX_ID, description="The id to begin behind.")] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Page:
    """List users, a page at a time."""
    found = await users.page(after, limit)
    return Page(users=found, next_after=found[-1].id if len(found) == limit else None)


@router.post("/users", status_code=201, responses=EMAIL_TAKEN)
async def create_user(
    user: NewUser, users: Users, changes: Changes, token: UserCreator, response: Response
) -> User:
    """Add a user; the answer and the database say who did it."""
    created = await users.create(user, by=token.principal)
    changes.publish(Change(event="created", user_id=created.id, by=token.principal))
    response.headers["Location"] = f"/users/{created.id}"
    return created


@router.get(
    "/users/{user_id}",
    dependencies=[Depends(require_scopes("read:users"))],
    responses=NOT_FOUND,
)
async def get_user(user_id: Id, users: Users) -> User:
    """Return one user."""
    return await users.get(user_id)


@router.put("/users/{user_id}", responses=NOT_FOUND | EMAIL_TAKEN)
async def replace_user(
    user_id: Id, user: NewUser, users: Users, changes: Changes, token: UserUpdater
) -> User:
    """Change a user's name and e-mail address."""
    replaced = await users.replace(user_id, user)
    changes.publish(Change(event="updated", user_id=user_id, by=token.principal))
    return replaced


@router.delete("/users/{user_id}", status_code=204, responses=NOT_FOUND)
async def delete_user(user_id: Id, users: Users, changes: Changes, token: UserDeleter) -> None:
    """Remove a user."""
    await users.delete(user_id)
    changes.publish(Change(event="deleted", user_id=user_id, by=token.principal))


@router.get("/roles", dependencies=[Depends(require_scopes("read:roles"))])
async def list_roles(users: Users) -> list[Role]:
    """List the roles that a user can have."""
    return await users.roles()


@router.get(
    "/users/{user_id}/roles",
    dependencies=[Depends(require_any_scope("read:users", "read:roles"))],
    responses=NOT_FOUND,
)
async def list_roles_of_user(user_id: Id, users: Users) -> list[str]:
    """List a user's roles: whoever may read users, or roles, may see them."""
    return await users.roles_of(user_id)


@router.put("/users/{user_id}/roles/{role}", status_code=204, responses=NOT_FOUND)
async def give_role(
    user_id: Id, role: str, users: Users, changes: Changes, token: RoleUpdater
) -> None:
    """Give a user a role."""
    await users.give_role(user_id, role)
    changes.publish(Change(event="roles_changed", user_id=user_id, by=token.principal))


@router.delete("/users/{user_id}/roles/{role}", status_code=204, responses=NOT_FOUND)
async def take_role(
    user_id: Id, role: str, users: Users, changes: Changes, token: RoleUpdater
) -> None:
    """Take a role from a user."""
    await users.take_role(user_id, role)
    changes.publish(Change(event="roles_changed", user_id=user_id, by=token.principal))


@router.websocket("/users/feed")
async def feed(socket: WebSocket, changes: Changes, token: UserReader) -> None:
    """Send every change as JSON, for as long as the token that opened the feed is good."""
    await socket.accept()
    with changes.subscribe() as queue:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(relay, queue, socket)
            with anyio.move_on_after(token.claims["exp"] - time.time()) as until_expiry:
                await closed(socket)
            tasks.cancel_scope.cancel()
    if until_expiry.cancelled_caught:
        await socket.close(3000, "The access token has expired.")


async def relay(queue: asyncio.Queue[Change], socket: WebSocket) -> None:
    """Send what comes out of the queue, for as long as somebody is there."""
    with suppress(WebSocketDisconnect):
        while True:
            await socket.send_text((await queue.get()).model_dump_json())


async def closed(socket: WebSocket) -> None:
    """Wait until the other side has gone; the feed listens to nothing that it says."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


# The application


def create_app(guard: KindeGuard | None = None, database: str | None = None) -> FastAPI:
    """Build the API around a guard that knows PUBLIC_PATHS, and a database.

    What is not given comes from the environment.
    """
    app = FastAPI(title="Users API", lifespan=lifespan)
    app.state.guard = guard or guard_from_environment()
    app.state.users = UserRepository(database or os.environ.get("DATABASE", ":memory:"))
    app.state.changes = ChangeFeed()
    app.state.guard.install(app)
    app.add_exception_handler(NotFoundError, not_found)
    app.add_exception_handler(EmailTakenError, email_taken)
    app.add_exception_handler(RequestValidationError, invalid)
    app.include_router(router)
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep the users open for as long as the app runs."""
    async with app.state.users:
        yield


async def not_found(_: Request, error: Exception) -> JSONResponse:
    """Answer NotFoundError."""
    return JSONResponse({"detail": str(error)}, 404)


async def invalid(_: Request, error: Exception) -> Response:
    """Answer input that does not validate, without repeating it.

    FastAPI's own handler repeats it, and fails where it is a NaN or half a surrogate pair.
    """
    found = error.errors() if isinstance(error, RequestValidationError) else []
    detail = [{name: problem[name] for name in ("type", "loc", "msg")} for problem in found]
    return Response(json.dumps({"detail": detail}), 422, media_type="application/json")


async def email_taken(_: Request, error: Exception) -> JSONResponse:
    """Answer EmailTakenError."""
    return JSONResponse({"detail": str(error)}, 409)


def guard_from_environment() -> KindeGuard:
    """Trust the tenant that the environment names, or else local Kinde."""
    if "KINDE_DOMAIN" in os.environ:
        return KindeGuard.from_env(public_paths=PUBLIC_PATHS)
    return KindeGuard(
        "http://127.0.0.1:8787", audience="https://api.demo.example", public_paths=PUBLIC_PATHS
    )


if __name__ == "__main__":
    uvicorn.run(create_app())
