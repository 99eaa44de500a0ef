from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kinde_guard.local import AUDIENCE, SCOPES, Access, Store, StoreError, Tenant


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as store:
        yield store


def test_a_new_tenant_has_one_api_and_two_machines() -> None:
    with Tenant.open("http://kinde.test") as tenant:
        back_office, reporting = tenant.store.applications()

    assert (back_office.name, back_office.type, back_office.org_code) == (
        "Back office",
        "m2m",
        None,
    )
    assert back_office.apis == (Access(AUDIENCE, tuple(SCOPES)),)
    assert reporting.name == "Reporting"
    assert reporting.apis == (Access(AUDIENCE, ("read:users", "read:roles")),)


def test_a_tenant_that_holds_anything_is_not_seeded(tmp_path: Path) -> None:
    file = tmp_path / "kinde.db"
    with Store(file) as store:
        mine = store.add_application("Mine")
    with Tenant.open("http://kinde.test", database=file) as tenant:
        assert tenant.store.applications() == [mine]


def test_an_application_that_was_granted_nothing_is_still_authorised(store: Store) -> None:
    client_id = store.add_application("Job").client_id
    store.authorise(client_id, store.add_api("Users", "users"))

    (application,) = store.applications()
    assert application.apis == (Access("users", ()),)


def test_authorising_and_granting_twice_is_once(store: Store) -> None:
    client_id, api_id = store.add_application("Job").client_id, store.add_api("Users", "users")
    scope_id = store.add_scope(api_id, "read")
    for _ in range(2):
        store.authorise(client_id, api_id)
        store.grant(client_id, api_id, scope_id)

    assert store.applications()[0].apis == (Access("users", ("read",)),)


def test_there_is_no_application_of_an_unknown_id(store: Store) -> None:
    assert store.application("0" * 32) is None


def test_what_no_tenant_may_hold_is_refused(store: Store) -> None:
    client_id = store.add_application("Job").client_id
    users, other = store.add_api("Users", "users"), store.add_api("Other", "other")
    scope_id = store.add_scope(users, "read")
    store.authorise(client_id, other)

    for forbidden in (
        lambda: store.add_api("Again", "users"),
        lambda: store.add_api("", "x"),
        lambda: store.add_api("x", "x" * 65),
        lambda: store.add_scope(users, "read"),
        lambda: store.add_scope(users, ""),
        lambda: store.add_scope("nowhere", "read"),
        lambda: store.authorise("nobody", users),
        lambda: store.grant(client_id, users, scope_id),  # not authorised
        lambda: store.grant(client_id, other, scope_id),  # another API's scope
        lambda: store.add_application("x", type="robot"),  # type: ignore[arg-type]
    ):
        with pytest.raises(sqlite3.IntegrityError):
            forbidden()


def test_with_an_api_go_its_scopes_and_grants(store: Store) -> None:
    client_id, api_id = store.add_application("Job").client_id, store.add_api("Users", "users")
    scope_id = store.add_scope(api_id, "read")
    store.authorise(client_id, api_id)
    store.grant(client_id, api_id, scope_id)
    with store.transaction() as rows:
        rows.execute("DELETE FROM apis WHERE id = ?", (api_id,))
        left = rows.execute(
            "SELECT (SELECT count(*) FROM api_scopes), (SELECT count(*) FROM granted_scopes)"
        ).fetchone()

    assert (left, store.applications()[0].apis) == ((0, 0), ())


def test_a_transaction_that_fails_leaves_nothing_even_of_what_it_called(store: Store) -> None:
    def add_and_fail() -> None:
        with store.transaction():
            store.add_application("Job")
            raise KeyError

    with pytest.raises(KeyError):
        add_and_fail()
    assert store.applications() == []


def test_threads_share_one_store(store: Store) -> None:
    def add() -> None:
        for _ in range(20):
            store.add_application("Job")
            store.applications()

    threads = [Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(store.applications()) == 80


def test_a_revoked_token_is_forgotten_once_it_has_expired(store: Store) -> None:
    store.revoke("a", expires_at=100, now=50)
    assert store.is_revoked("a")
    store.revoke("b", expires_at=200, now=100)
    assert (store.is_revoked("a"), store.is_revoked("b")) == (False, True)


def test_a_database_file_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "kinde.db"
    Store(file).close()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("Dear diary, " * 100)

    with pytest.raises(StoreError, match=r"notes\.txt' is not a usable database"):
        Store(file)
    assert file.read_text() == "Dear diary, " * 100


def test_the_database_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE orders (id)")
    connection.commit()
    connection.close()
    before = file.read_bytes()

    with pytest.raises(StoreError, match="not made by this version of local Kinde"):
        Store(file)
    assert file.read_bytes() == before


@pytest.mark.parametrize("place", ["", "nowhere/kinde.db"], ids=["a folder", "no folder"])
def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(tmp_path / place)


def test_a_database_with_another_kind_of_key_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "kinde.db"
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with Store(file) as store:
        store.replace_signing_keys([pem.decode()])

    with pytest.raises(TypeError, match="RSA private key"):
        Tenant.open("http://kinde.test", database=file)
