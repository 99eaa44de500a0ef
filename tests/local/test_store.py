from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kinde_guard.local import (
    AUDIENCE,
    FRONT_END_CLIENT_ID,
    SCOPES,
    Access,
    Store,
    StoreError,
    Tenant,
)
from kinde_guard.local.seed import seed
from kinde_guard.local.store import AlreadyThere, NotAllowed, NotThere, RowRefused


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as store:
        yield store


def test_a_new_tenant_is_small_and_believable() -> None:
    with Tenant.open("http://kinde.test") as tenant:
        back_office, reporting, management, website, front_end = tenant.store.applications()
        assert tenant.store.management_application() == management
        assert [api.name for api in tenant.store.apis()] == ["Kinde Management API", "Users API"]
        assert [role.key for role in tenant.store.roles()] == ["admin", "analyst", "guest"]
        assert [user.first_name for user in tenant.store.users()] == ["Ada", "Charles", "Mary"]
        first, second = tenant.store.organizations()
        ada, charles, mary = tenant.store.users()
        assert tenant.store.members(first.code) == [ada, charles]
        assert tenant.store.members(second.code) == [charles, mary]

    for application, name, kind in ((website, "Website", "reg"), (front_end, "Front end", "spa")):
        assert (application.name, application.type) == (name, kind)
        assert application.apis == (Access(AUDIENCE, ()),)
        assert "http://localhost:8000/docs/oauth2-redirect" in application.redirect_uris
    assert front_end.client_id == FRONT_END_CLIENT_ID
    (access,) = management.apis
    assert (management.name, access.audience) == ("Management", "http://kinde.test/api")
    assert len(access.scopes) == 149
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

    with pytest.raises(StoreError, match="RSA private key"):
        Tenant.open("http://kinde.test", database=file)


# Refusals


def test_what_is_refused_says_why(store: Store) -> None:
    api_id = store.add_api("Users", "users")
    for kind, forbidden in (
        (AlreadyThere, lambda: store.add_api("Again", "users")),
        (NotThere, lambda: store.add_scope("nowhere", "read")),
        (NotThere, lambda: store.delete_scope(api_id, "none")),
        (NotThere, lambda: store.update_application("nobody", name="x")),
        (NotThere, lambda: store.role_scopes("none")),
        (NotAllowed, lambda: store.add_api("x" * 65, "long")),
        (NotAllowed, lambda: store.add_application("Job", type="robot")),  # type: ignore[arg-type]
    ):
        with pytest.raises(RowRefused) as refused:
            forbidden()
        assert type(refused.value) is kind


def test_a_change_that_is_refused_half_way_leaves_nothing(store: Store) -> None:
    client_id, api_id = store.add_application("Job").client_id, store.add_api("Users", "users")
    read = store.add_scope(api_id, "read")
    store.authorise(client_id, api_id)
    store.grant(client_id, api_id, read)

    with pytest.raises(NotThere):
        store.replace_grants(client_id, api_id, ["none"])
    assert store.granted_scope_ids(client_id, api_id) == {read}
    with pytest.raises(NotThere):
        store.add_api_key("Mine", api_id, type="user", scope_ids=[read, "none"])
    assert store.api_keys() == []


# Grants


def test_grants_are_replaced_as_a_whole(store: Store) -> None:
    client_id, api_id = store.add_application("Job").client_id, store.add_api("Users", "users")
    read, write = store.add_scope(api_id, "read"), store.add_scope(api_id, "write")
    with pytest.raises(NotThere):
        store.replace_grants(client_id, api_id, [read])
    store.authorise(client_id, api_id)

    for scope_ids in ([read], [write], [read, write], []):
        store.replace_grants(client_id, api_id, scope_ids)
        assert store.granted_scope_ids(client_id, api_id) == set(scope_ids)
    assert store.applications()[0].apis == (Access("users", ()),)


def test_with_its_authorisation_an_application_loses_its_grants(store: Store) -> None:
    client_id, api_id = store.add_application("Job").client_id, store.add_api("Users", "users")
    store.authorise(client_id, api_id)
    store.grant(client_id, api_id, store.add_scope(api_id, "read"))
    for _ in range(2):
        store.deauthorise(client_id, api_id)
    store.authorise(client_id, api_id)

    assert store.granted_scope_ids(client_id, api_id) == frozenset()
    assert [one.client_id for one in store.api_applications(api_id)] == [client_id]


# The Management API


def test_the_management_api_is_called_as_the_store_was_told(tmp_path: Path) -> None:
    file = tmp_path / "kinde.db"
    for name in ("http://one/api", "http://two/api"):
        with Store(file, management_audiences=(name, f"{name}/v1")) as store:
            if store.is_new:
                store.add_api("Management", "", is_management_api=True)
            (api,) = store.apis()
            assert (api.audience, api.is_management_api) == (name, True)
            for taken in (name, f"{name}/v1"):
                with pytest.raises(AlreadyThere):
                    store.add_api("Mine", taken)


def test_there_is_one_management_api(store: Store) -> None:
    store.add_api("Management", "", is_management_api=True)
    with pytest.raises(AlreadyThere):
        store.add_api("Another", "", is_management_api=True)
    assert store.add_api("Mine", "management-of-mine")
    assert store.management_application() is None


# Files and copies


def test_a_file_keeps_everything(tmp_path: Path) -> None:
    file = tmp_path / "kinde.db"
    with Tenant.open("http://kinde.test", database=file) as tenant:
        store = tenant.store
        kept = store.applications(), store.apis(), store.users(), store.roles(), store.permissions()
    with Store(file, management_audiences=("http://kinde.test/api",)) as again:
        found = again.applications(), again.apis(), again.users(), again.roles()
        assert (*found, again.permissions()) == kept


def test_a_file_is_written_ahead_and_synced_fully(tmp_path: Path) -> None:
    with Store(tmp_path / "kinde.db") as store, store.reading() as rows:
        modes = [
            rows.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        ]
    assert modes == ["wal", 2, 10_000, 1]


def test_two_stores_on_one_file_see_each_others_changes(tmp_path: Path) -> None:
    file = tmp_path / "kinde.db"
    with Store(file) as one, Store(file) as other:
        made = one.add_application("Job")
        assert other.applications() == [made]
        other.delete_application(made.client_id)
        assert one.applications() == []


def test_many_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    def open_and_add() -> None:
        with Store(tmp_path / "kinde.db") as store:
            seed(store)
            store.add_organization("Acme")

    threads = [Thread(target=open_and_add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with Store(tmp_path / "kinde.db") as store:
        assert len(store.applications()) == 5
        assert len(store.organizations()) == 10


def test_a_change_inside_a_reading_is_an_error(store: Store) -> None:
    with store.reading(), pytest.raises(RuntimeError, match=r"use transaction\(\)"):
        store.add_application("Job")
    store.add_application("Job")
    assert len(store.applications()) == 1


def test_one_read_sees_one_state(tmp_path: Path) -> None:
    file = tmp_path / "kinde.db"
    with Store(file) as one, Store(file) as other:
        with one.reading():
            assert one.applications() == []
            other.add_application("Job")
            assert one.applications() == []
        assert len(one.applications()) == 1


@pytest.mark.parametrize("place", [":memory:", "file"])
def test_a_store_becomes_what_it_was(tmp_path: Path, place: str) -> None:
    database = tmp_path / "kinde.db" if place == "file" else place
    with Store(database) as store:
        seed(store)
        before, applications = store.snapshot(), store.applications()
        store.delete_application(applications[0].client_id)
        store.replace_signing_keys(["pem"])
        store.restore(before)

        assert store.applications() == applications
        assert store.signing_keys() == []
        store.add_application("Job")
