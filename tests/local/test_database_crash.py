"""A process that is killed in the middle of its work loses nothing that it has acknowledged."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from kinde_guard.local import LocalKinde, Store
from tests.local.clients import token_form

SCOPES = ["read", "write", "remove"]

WRITER = """
import sys
from kinde_guard.local import Store

store = Store(sys.argv[1])
number = 0
while True:
    name = f"{sys.argv[2]}-{number}"
    number += 1
    with store.transaction():
        api_id = store.add_api(name, name)
        client_id = store.add_application(name).client_id
        store.authorise(client_id, api_id)
        for key in ("read", "write", "remove"):
            store.grant(client_id, api_id, store.add_scope(api_id, key))
    print(name, flush=True)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kinde.db"


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def writer(file: Path, name: str) -> AbstractContextManager[subprocess.Popen[str]]:
    return process("-c", WRITER, str(file), name)


def acknowledged(running: subprocess.Popen[str], count: int) -> list[str]:
    """Return the next acknowledgements, as many as are wanted."""
    assert running.stdout is not None
    return [running.stdout.readline().strip() for _ in range(count)]


def kill(running: subprocess.Popen[str]) -> list[str]:
    """Kill a process at once, and return what it still managed to acknowledge."""
    running.send_signal(signal.SIGKILL)
    assert running.stdout is not None
    left = running.stdout.read().split()
    assert running.wait(20) == -signal.SIGKILL
    return left


def assert_sound(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def written(file: Path) -> set[str]:
    """Return the names of all that was written; each is there as a whole."""
    with Store(file) as store:
        applications = {each.name: each.apis for each in store.applications()}
        apis = {api.name: [scope.key for scope in api.scopes] for api in store.apis()}
    assert apis == dict.fromkeys(apis, SCOPES)
    assert applications == {name: ((name, tuple(SCOPES)),) for name in apis}
    return set(apis)


def test_killed_while_it_writes_everything_acknowledged_is_there_and_nothing_by_halves(
    file: Path,
) -> None:
    chance = random.Random(7)
    expected: set[str] = set()
    for round_ in range(5):
        with writer(file, f"round{round_}") as running:
            expected |= set(acknowledged(running, chance.randint(1, 40)))
            expected |= set(kill(running))

        found = written(file)
        assert expected <= found
        # One change may have been committed in the instant before it would be acknowledged.
        assert len(found - expected) <= 1
        expected = found
    assert_sound(file)


def test_one_that_is_killed_does_not_stop_another_on_the_same_file(file: Path) -> None:
    with Store(file), writer(file, "one") as one, writer(file, "other") as other:
        expected = set(acknowledged(one, 10)) | set(acknowledged(other, 10))
        expected |= set(kill(one))
        expected |= set(acknowledged(other, 200))
        expected |= set(kill(other))

        found = written(file)
    assert expected <= found
    assert len(found - expected) <= 2
    assert_sound(file)


@contextmanager
def served(file: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run ``kinde-guard local`` on the file; give the process, and what it says of itself."""
    options = ("--port", "0", "--json", "--db", str(file))
    with process("-m", "kinde_guard.cli", "local", *options) as running:
        assert running.stdout is not None
        yield running, json.loads(running.stdout.readline())


class Caller:
    """Adds APIs over HTTP until the server is gone, and remembers what was acknowledged."""

    def __init__(self, issuer: str, token: str, name: str) -> None:
        self.acknowledged: dict[str, str] = {}
        self.some = threading.Event()
        self.refused = ""
        self._client = httpx.Client(
            base_url=issuer, headers={"Authorization": f"Bearer {token}"}, timeout=20
        )
        self._name = name
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def _work(self) -> None:
        with self._client as http:
            for number in range(10_000):
                body = {"name": "API", "audience": f"{self._name}-{number}"}
                try:
                    answer = http.post("/api/v1/apis", json=body)
                except httpx.TransportError:
                    return
                if answer.status_code != 200:
                    self.refused = answer.text
                    self.some.set()
                    return
                self.acknowledged[body["audience"]] = answer.json()["api"]["id"]
                if number == 10:
                    self.some.set()


def test_a_server_killed_under_load_has_kept_every_change_that_it_answered(file: Path) -> None:
    with served(file) as (running, said):
        form = token_form(LocalKindeApplication(said["management"]))
        form["audience"] = said["management"]["audience"]
        token = httpx.post(f"{said['issuer']}/oauth2/token", data=form).json()["access_token"]
        clients = [Caller(said["issuer"], token, name) for name in ("one", "two", "three")]
        for client in clients:
            assert client.some.wait(60)
            assert client.refused == ""
        kill(running)
        for client in clients:
            client.thread.join(30)

    with LocalKinde(database=file) as kinde:
        found = {api.audience: api.id for api in kinde.store.apis()}
        assert [each.client_id for each in kinde.applications] == [
            each["client_id"] for each in said["applications"]
        ]
    for client in clients:
        assert client.acknowledged.items() <= found.items()
    assert_sound(file)


class LocalKindeApplication:
    """The credentials that ``--json`` tells."""

    def __init__(self, said: dict[str, str]) -> None:
        self.client_id = said["client_id"]
        self.client_secret = said["client_secret"]
