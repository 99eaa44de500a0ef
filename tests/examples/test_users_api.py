"""The users API through a real server: what it answers to whom."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from examples.users_api import MAX_ID, PUBLIC_PATHS, create_app
from kinde_guard import KindeGuard
from kinde_guard.local import SCOPES, LocalKinde, LoopbackServer
from tests.examples.callers import ADA, GRACE, Caller

ROUTES: list[tuple[str, str, str, int]] = [
    ("GET", "/users", "read:users", 200),
    ("POST", "/users", "create:users", 201),
    ("GET", "/users/1", "read:users", 200),
    ("PUT", "/users/1", "update:users", 200),
    ("DELETE", "/users/1", "delete:users", 204),
    ("GET", "/roles", "read:roles", 200),
    ("PUT", "/users/1/roles/admin", "update:roles", 204),
    ("DELETE", "/users/1/roles/viewer", "update:roles", 204),
]
BODIES = {"POST": GRACE, "PUT": ADA}
NO_SUCH = {"detail": "There is no such user or role."}


def body_of(method: str) -> dict[str, Any]:
    return {"json": BODIES[method]} if method in BODIES else {}


# Who may do what


@pytest.mark.parametrize(("method", "path", "scope", "status"), ROUTES)
def test_scope_held_alone_opens_its_route(
    caller: Caller, method: str, path: str, scope: str, status: int
) -> None:
    caller.create(ADA)
    caller("PUT", "/users/1/roles/viewer")
    assert caller(method, path, scopes=[scope], **body_of(method)).status_code == status


@pytest.mark.parametrize(("method", "path", "scope", "_status"), ROUTES)
def test_all_scopes_but_the_one_are_refused(
    caller: Caller, method: str, path: str, scope: str, _status: int
) -> None:
    others = [name for name in SCOPES if name != scope]
    answer = caller(method, path, scopes=others, **body_of(method))
    assert answer.status_code == 403
    assert answer.headers["www-authenticate"] == (
        'Bearer realm="api", error="insufficient_scope", '
        'error_description="The access token lacks a scope that this request needs.", '
        f'scope="{scope}"'
    )
    assert answer.json()["required_scopes"] == [scope]


@pytest.mark.parametrize(("method", "path", "_scope", "_status"), ROUTES)
def test_no_token_is_refused_with_a_bare_challenge(
    http: httpx.Client, method: str, path: str, _scope: str, _status: int
) -> None:
    answer = http.request(method, path, **body_of(method))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("scope", ["read:users", "read:roles"])
def test_either_scope_shows_the_roles_of_a_user(caller: Caller, scope: str) -> None:
    caller.create(ADA)
    caller("PUT", "/users/1/roles/viewer")
    answer = caller("GET", "/users/1/roles", scopes=[scope])
    assert (answer.status_code, answer.json()) == (200, ["viewer"])


def test_neither_scope_does_not_show_the_roles_of_a_user(caller: Caller) -> None:
    answer = caller("GET", "/users/1/roles", scopes=["update:roles"])
    assert answer.status_code == 403
    assert answer.json()["required_scopes"] == ["read:users", "read:roles"]


def test_health_check_is_public(http: httpx.Client) -> None:
    answer = http.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


# Readiness


def test_readiness_follows_the_key_set(kinde: LocalKinde, guard: KindeGuard) -> None:
    with kinde.fail("status", status=500):
        server = LoopbackServer(lambda _: create_app(guard))
        server.start()
        try:
            cold = httpx.get(f"{server.url}/ready")
            refused = httpx.get(f"{server.url}/users", headers=kinde.authorization())
        finally:
            server.stop()
    assert (cold.status_code, cold.json()) == (503, {"ready": False})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")


def test_readiness_with_keys_in_hand_is_200(http: httpx.Client) -> None:
    answer = http.get("/ready")
    assert (answer.status_code, answer.json()) == (200, {"ready": True})


# Users


def test_new_user_is_answered_with_place_and_creator(kinde: LocalKinde, caller: Caller) -> None:
    answer = caller("POST", "/users", json=ADA)
    user = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == "/users/1"
    assert {name: user[name] for name in ("id", "name", "email", "created_by")} == {
        "id": 1,
        **ADA,
        "created_by": kinde.applications[0].client_id,
    }
    assert caller("GET", "/users/1").json() == user


def test_person_who_creates_is_named_by_their_id(kinde: LocalKinde, http: httpx.Client) -> None:
    token = kinde.user_token(["create:users"], subject="kp_ada")
    answer = http.post("/users", json=ADA, headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["created_by"] == "kp_ada"


def test_replaced_user_keeps_id_and_creator(caller: Caller) -> None:
    caller.create(ADA)
    before = caller("GET", "/users/1").json()
    answer = caller("PUT", "/users/1", json=GRACE)
    assert (answer.status_code, answer.json()) == (200, before | GRACE)
    assert caller("GET", "/users/1").json() == before | GRACE


def test_deleted_user_is_gone_and_the_id_is_not_used_again(caller: Caller) -> None:
    caller.create(ADA)
    assert caller("DELETE", "/users/1").status_code == 204
    assert caller("GET", "/users/1").status_code == 404
    assert caller.create(ADA) == 2


def test_pages_follow_one_another_to_the_end(caller: Caller) -> None:
    for number in range(5):
        caller.create({"name": f"User {number}", "email": f"{number}@example.com"})
    pages, after = [], 0
    while after is not None:
        page = caller("GET", "/users", params={"after": after, "limit": 2}).json()
        pages.append([user["id"] for user in page["users"]])
        after = page["next_after"]
    assert pages == [[1, 2], [3, 4], [5]]


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@example.com"])
def test_taken_email_is_a_conflict(caller: Caller, email: str) -> None:
    caller.create(ADA)
    answer = caller("POST", "/users", json=GRACE | {"email": email})
    expected = {"detail": "Another user has this e-mail address."}
    assert (answer.status_code, answer.json()) == (409, expected)


def test_taken_email_is_a_conflict_for_a_change_too(caller: Caller) -> None:
    caller.create(ADA)
    caller.create(GRACE)
    assert caller("PUT", "/users/2", json=ADA).status_code == 409


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/users/7"),
        ("PUT", "/users/7"),
        ("DELETE", "/users/7"),
        ("GET", "/users/7/roles"),
        ("PUT", "/users/7/roles/admin"),
        ("DELETE", "/users/7/roles/admin"),
        ("PUT", "/users/1/roles/emperor"),
        ("DELETE", "/users/1/roles/admin"),
        ("GET", f"/users/{MAX_ID}"),
    ],
)
def test_what_is_not_there_is_404(caller: Caller, method: str, path: str) -> None:
    caller.create(GRACE)
    answer = caller(method, path, **body_of(method))
    assert (answer.status_code, answer.json()) == (404, NO_SUCH)


@pytest.mark.parametrize(
    "user",
    [
        {},
        {"name": "Ada"},
        ADA | {"name": ""},
        ADA | {"name": "   "},
        ADA | {"name": "a" * 101},
        ADA | {"email": "ada"},
        ADA | {"email": "ada@"},
        ADA | {"email": "ada lovelace@example.com"},
        ADA | {"email": None},
        ADA | {"id": 7},
        ADA | {"created_by": "somebody else"},
        [],
    ],
)
def test_bad_user_is_422(caller: Caller, user: object) -> None:
    assert caller("POST", "/users", json=user).status_code == 422


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (rb'{"name": "\ud800", "email": "a@b"}', ["body", "name"]),
        (rb'{"name": NaN, "email": "a@b"}', ["body", "name"]),
        (rb'{"name": "A", "email": "a@b", "\ud800": 1}', ["body"]),
        (b"{", ["body", 1]),
    ],
)
def test_body_that_cannot_be_repeated_is_422_all_the_same(
    caller: Caller, body: bytes, where: list[str | int]
) -> None:
    headers = caller.kinde.authorization() | {"Content-Type": "application/json"}
    answer = caller.http.post("/users", content=body, headers=headers)
    assert answer.status_code == 422
    assert [problem["loc"] for problem in answer.json()["detail"]] == [where]


@pytest.mark.parametrize(
    "path",
    [
        "/users?limit=0",
        "/users?limit=101",
        "/users?limit=many",
        "/users?after=-1",
        f"/users?after={MAX_ID + 1}",
        "/users/0",
        "/users/ada",
        f"/users/{MAX_ID + 1}",
    ],
)
def test_bad_number_is_422(caller: Caller, path: str) -> None:
    assert caller("GET", path).status_code == 422


# Roles


def test_roles_are_given_and_taken(caller: Caller) -> None:
    caller.create(ADA)
    for _ in range(2):  # the second time changes nothing
        assert caller("PUT", "/users/1/roles/editor").status_code == 204
    assert caller("PUT", "/users/1/roles/admin").status_code == 204
    assert caller("GET", "/users/1/roles").json() == ["admin", "editor"]
    assert caller("DELETE", "/users/1/roles/admin").status_code == 204
    assert caller("GET", "/users/1/roles").json() == ["editor"]


def test_deleted_user_leaves_no_roles(app: FastAPI, caller: Caller) -> None:
    caller.create(ADA)
    caller("PUT", "/users/1/roles/editor")
    assert caller("DELETE", "/users/1").status_code == 204
    users = app.state.users
    assert users._worker.submit(users._transact, "SELECT * FROM user_roles", ()).result() == []


def test_roles_are_listed_with_descriptions(caller: Caller) -> None:
    assert caller("GET", "/roles").json() == [
        {"name": "admin", "description": "May change everything"},
        {"name": "editor", "description": "May change texts"},
        {"name": "viewer", "description": "May look"},
    ]


# The database


def test_users_in_a_file_outlive_the_server(
    kinde: LocalKinde, guard: KindeGuard, tmp_path: Path
) -> None:
    database = str(tmp_path / "users.db")
    for expected in ([], [1]):
        server = LoopbackServer(lambda _: create_app(guard, database))
        server.start()
        with httpx.Client(base_url=server.url) as http:
            caller = Caller(kinde, http)
            users = caller("GET", "/users").json()["users"]
            assert [user["id"] for user in users] == expected
            if not expected:
                caller.create(ADA)
        server.stop()


def test_app_that_was_stopped_can_start_again(kinde: LocalKinde, guard: KindeGuard) -> None:
    app = create_app(guard)
    server = LoopbackServer(lambda _: app)
    for _ in range(2):
        server.start()
        answer = httpx.get(f"{server.url}/users", headers=kinde.authorization())
        server.stop()
        assert answer.status_code == 200


def test_slow_statement_holds_up_nobody_else(
    app: FastAPI, http: httpx.Client, caller: Caller
) -> None:
    release = Event()
    app.state.users._worker.submit(release.wait)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(caller, "GET", "/users")
        assert http.get("/health").status_code == 200
        assert not waiting.done()
        release.set()
        assert waiting.result(timeout=10).status_code == 200


def test_many_writers_at_once_all_succeed(caller: Caller) -> None:
    users = [{"name": "User", "email": f"{number}@example.com"} for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(caller.create, users))
    assert sorted(ids) == list(range(1, 41))


# What it says of itself


def test_openapi_names_the_scopes_of_every_operation(http: httpx.Client) -> None:
    paths = http.get("/openapi.json").json()["paths"]
    scopes = {
        (method.upper(), path): operation.get("security")
        for path, operations in paths.items()
        for method, operation in operations.items()
    }
    assert {route for route, security in scopes.items() if not security} == {
        ("GET", path) for path in PUBLIC_PATHS
    }
    assert scopes[("DELETE", "/users/{user_id}")] == [
        {"KindeBearer": ["delete:users"]},
    ]
