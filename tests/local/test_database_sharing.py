"""Several processes on one database file: one tenant, under as many issuers."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from kinde_guard.local import AUDIENCE, LocalKinde, Store
from tests.local.clients import ask, verified

JWKS = "/.well-known/jwks"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kinde.db"


@pytest.fixture
def kinde(file: Path) -> Iterator[LocalKinde]:
    with LocalKinde(database=file) as kinde:
        yield kinde


@contextmanager
def another_process(file: Path) -> Iterator[dict[str, Any]]:
    """Run ``kinde-guard local`` on the file; give what it says of itself."""
    command = [sys.executable, "-m", "kinde_guard.cli", "local", "--port", "0", "--json", "--db"]
    with subprocess.Popen([*command, file], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(20)


def kids(issuer: str) -> list[str]:
    return [key["kid"] for key in httpx.get(issuer + JWKS).json()["keys"]]


def checked(file: Path) -> tuple[list[tuple[str]], list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(file)) as connection:
        return (
            connection.execute("PRAGMA integrity_check").fetchall(),
            connection.execute("PRAGMA foreign_key_check").fetchall(),
        )


def test_another_process_has_the_same_applications_and_keys_under_its_own_issuer(
    kinde: LocalKinde, file: Path
) -> None:
    with another_process(file) as other:
        assert other["issuer"] != kinde.issuer
        assert kids(other["issuer"]) == kids(kinde.issuer)
        assert [(each["client_id"], each["client_secret"]) for each in other["applications"]] == [
            (each.client_id, each.client_secret) for each in kinde.applications
        ]
        assert other["management"]["audience"] == f"{other['issuer']}/api"


def test_what_is_granted_and_taken_in_one_counts_in_the_other_at_once(
    kinde: LocalKinde, file: Path
) -> None:
    store, reporting = kinde.store, kinde.applications[1]
    (api,) = (each for each in store.apis() if each.audience == AUDIENCE)
    scope_ids = {scope.key: scope.id for scope in api.scopes}
    with another_process(file) as other, httpx.Client(base_url=other["issuer"]) as http:
        store.grant(reporting.client_id, api.id, scope_ids["delete:users"])
        assert ask(http, reporting).json()["scope"] == "read:users delete:users read:roles"
        store.revoke_grant(reporting.client_id, api.id, scope_ids["read:users"])
        assert ask(http, reporting).json()["scope"] == "delete:users read:roles"
        newcomer = store.add_application("Newcomer")
        store.authorise(newcomer.client_id, api.id)
        assert ask(http, newcomer).json()["scope"] == ""


def test_keys_rotated_in_one_are_published_and_sign_in_the_other_at_once(
    kinde: LocalKinde, file: Path
) -> None:
    with another_process(file) as other, httpx.Client(base_url=other["issuer"]) as http:
        (first,) = kids(kinde.issuer)
        kinde.rotate_keys(keep_old=True)
        second, _ = kids(kinde.issuer)
        assert kids(other["issuer"]) == [second, first]
        theirs = ask(http, kinde.applications[0]).json()["access_token"]
        # What the other process signed with the new key, this one's key set verifies.
        with httpx.Client(base_url=kinde.issuer) as here:
            assert verified(here, theirs)["iss"] == other["issuer"]
        kinde.rotate_keys()
        assert kids(other["issuer"]) == kids(kinde.issuer)
        assert len(kids(kinde.issuer)) == 1


def test_two_that_rotate_and_keep_the_old_keys_lose_none(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalKinde(database=file) as one, LocalKinde(database=file) as other:
        meanwhile = threading.Thread(target=other.rotate_keys, kwargs={"keep_old": True})
        keys_of_one = one.store.signing_keys

        def keys_and_then_the_other_rotates() -> list[str]:
            keys = keys_of_one()
            if meanwhile.ident is None:
                meanwhile.start()
                # It has to wait until the first has written what it read.
                meanwhile.join(2)
            return keys

        monkeypatch.setattr(one.store, "signing_keys", keys_and_then_the_other_rotates)
        one.rotate_keys(keep_old=True)
        meanwhile.join(20)
        assert kids(one.issuer) == kids(other.issuer)
        assert len(set(kids(one.issuer))) == 3


OPENER = """
import sys
from kinde_guard.local import Tenant

print("ready", flush=True)
sys.stdin.readline()
with Tenant.open("http://127.0.0.1:1", database=sys.argv[1]) as tenant:
    print([each.client_id for each in tenant.store.applications()], tenant.keys.jwks())
"""


def test_processes_that_open_a_new_file_at_once_make_one_tenant(file: Path) -> None:
    command = [sys.executable, "-c", OPENER, str(file)]
    openers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for opener in openers:
        assert opener.stdout is not None
        assert opener.stdout.readline() == "ready\n"
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("\n")
        opener.stdin.flush()
    said = [opener.communicate(timeout=60)[0] for opener in openers]

    assert [opener.returncode for opener in openers] == [0, 0, 0, 0]
    assert len(set(said)) == 1
    assert checked(file) == ([("ok",)], [])


WRITER = """
import sys
from kinde_guard.local import Store

with Store(sys.argv[1]) as store:
    for number in range(60):
        with store.transaction():
            name = f"{sys.argv[2]} {number}"
            api_id = store.add_api(name, name)
            store.add_scope(api_id, "read")
"""


def test_processes_that_write_at_once_wait_for_each_other_and_lose_nothing(file: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, file, name], stderr=subprocess.PIPE)
        for name in ("one", "two", "three")
    ]
    failed = [writer.communicate(timeout=120)[1] for writer in writers]

    assert failed == [b"", b"", b""]
    with Store(file) as store:
        found = {api.name: [scope.key for scope in api.scopes] for api in store.apis()}
    assert found == {f"{name} {n}": ["read"] for name in ("one", "two", "three") for n in range(60)}
    assert checked(file) == ([("ok",)], [])


def test_a_writer_waits_for_another_and_a_reader_for_nobody(file: Path) -> None:
    with Store(file) as one, Store(file) as other, Store(file) as reader:
        written = threading.Event()

        def write() -> None:
            other.add_application("Second")
            written.set()

        thread = threading.Thread(target=write)
        with one.transaction():
            one.add_application("First")
            thread.start()
            assert not written.wait(0.3)
            began = time.monotonic()
            # Of what is not committed nothing is seen.
            assert reader.applications() == []
            assert time.monotonic() - began < 2
        thread.join(20)
        assert [each.name for each in one.applications()] == ["First", "Second"]


def test_one_reading_sees_one_state_however_much_is_written_meanwhile(file: Path) -> None:
    with Store(file) as one, Store(file) as other, one.reading():
        assert one.applications() == []
        other.add_application("Job")
        assert one.applications() == []


def test_a_commit_is_on_disk_before_it_is_acknowledged(file: Path) -> None:
    with Store(file) as store, store.reading() as rows:
        assert rows.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        # FULL: the log is synchronised at each commit, so a loss of power takes nothing either.
        assert rows.execute("PRAGMA synchronous").fetchone() == (2,)
