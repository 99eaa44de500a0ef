"""A file of an earlier version opens, with everything that was in it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import httpx
import pytest

from kinde_guard.local import LocalKinde, Store, StoreError
from kinde_guard.local.store import schema
from tests.local.clients import ask, verified
from tests.local.sign_in.front_end import CALLBACK, FrontEnd


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """A database as version 2 of the schema made it: one machine, one front end, one person."""
    file = tmp_path / "kinde.db"
    connection = sqlite3.connect(file)
    connection.executescript(schema.UPGRADES[0])
    connection.executescript(
        f"""
        PRAGMA application_id = {schema.MARK};
        PRAGMA user_version = 2;
        INSERT INTO organizations VALUES ('org_1', 'Acme', NULL, NULL, 1, 0);
        INSERT INTO users (id, email, created_on) VALUES ('kp_1', 'ada@example.com', 0);
        INSERT INTO members VALUES ('org_1', 'kp_1');
        INSERT INTO apis VALUES ('api_1', 'Users', 'users', 0);
        INSERT INTO api_scopes VALUES ('scope_1', 'api_1', 'read:users', '');
        """
    )
    add = (
        "INSERT INTO applications (client_id, name, type, client_secret, token_lifetime,"
        " refresh_token_lifetime, id_token_lifetime, session_lifetime, redirect_uris)"
        " VALUES (?, ?, ?, ?, 86400, 1296000, 3600, 86400, ?)"
    )
    connection.execute(add, ("machine", "Job", "m2m", "s" * 52, "[]"))
    connection.execute(add, ("front", "Page", "spa", "s" * 52, f'["{CALLBACK}"]'))
    connection.execute("INSERT INTO authorised_applications VALUES ('machine', 'api_1')")
    connection.execute("INSERT INTO granted_scopes VALUES ('machine', 'api_1', 'scope_1')")
    connection.commit()
    connection.close()
    return file


def test_a_file_of_version_2_serves_machines_as_before_and_people_too(former: Path) -> None:
    for _ in range(2):
        with LocalKinde(database=former) as kinde, httpx.Client(base_url=kinde.issuer) as http:
            machine, page = kinde.applications
            assert (machine.client_secret, page.client_secret) == ("s" * 52, None)
            answer = ask(http, machine, audience="users")
            assert verified(http, answer.json()["access_token"])["scope"] == "read:users"
            given = FrontEnd(http, page.client_id).sign_in()
            assert verified(http, given["access_token"])["org_code"] == "org_1"


@pytest.mark.parametrize("version", [0, 1, 4])
def test_a_file_of_an_unknown_version_is_refused_and_left_alone(former: Path, version: int) -> None:
    with sqlite3.connect(former) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    before = former.read_bytes()

    with pytest.raises(StoreError, match="not made by this version of local Kinde"):
        Store(former)
    assert former.read_bytes() == before
