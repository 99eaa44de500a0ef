"""Local Kinde over https: on the wire, from the files it keeps to the clients that trust them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from kinde_guard import KeysUnavailable, KindeGuard
from kinde_guard.local import LocalKinde, StartError, StoreError
from kinde_guard.local.certificate_authority import CertificateAuthority
from tests.local.authorities import unbounded_authority
from tests.local.clients import ask, verified

JWKS = "/.well-known/jwks"

NODE = shutil.which("node")
OPENSSL = shutil.which("openssl")


def trusting(kinde: LocalKinde) -> ssl.SSLContext:
    """A client's end of TLS, as strict as Python 3.13 makes it by default."""
    context = ssl.create_default_context(cafile=kinde.ca)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def certificate_files(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir() if ".ca." in each.name}


def ran(*command: str | Path, **environ: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def tls_kinde() -> Iterator[LocalKinde]:
    with LocalKinde(tls=True) as kinde:
        yield kinde


def test_the_issuer_is_the_https_url_that_answers_everywhere(tls_kinde: LocalKinde) -> None:
    issuer = tls_kinde.issuer
    assert issuer.startswith("https://127.0.0.1:")
    with httpx.Client(base_url=issuer, verify=trusting(tls_kinde)) as http:
        configuration = http.get("/.well-known/openid-configuration").json()
        claims = verified(http, ask(http, tls_kinde.applications[0]).json()["access_token"])
    assert claims["iss"] == issuer
    assert {value for value in configuration.values() if "://" in str(value)} == {
        issuer,
        f"{issuer}/oauth2/auth",
        f"{issuer}/oauth2/token",
        f"{issuer}/.well-known/jwks",
        f"{issuer}/oauth2/v2/user_profile",
        f"{issuer}/logout",
        f"{issuer}/oauth2/introspect",
        f"{issuer}/oauth2/revoke",
        f"{issuer}/oauth2/device/auth",
    }


def test_over_http_there_is_no_authority() -> None:
    with LocalKinde() as kinde:
        assert kinde.issuer.startswith("http://")
        assert kinde.ca is None


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_strict_client_that_trusts_the_authority_is_served(
    tls_kinde: LocalKinde, name: str
) -> None:
    url = httpx.URL(tls_kinde.issuer).copy_with(host=name)
    assert httpx.get(f"{url}{JWKS}", verify=trusting(tls_kinde)).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.2", "localhost", "::1"])
def test_every_loopback_host_is_named_in_its_certificate(host: str) -> None:
    try:
        with LocalKinde(host=host, tls=True) as kinde:
            answer = httpx.get(kinde.issuer + JWKS, verify=trusting(kinde))
            assert (httpx.URL(kinde.issuer).host, answer.status_code) == (host, 200)
    except StartError as error:  # pragma: no cover - not every machine has ::1
        pytest.skip(str(error))


def test_a_client_that_trusts_only_the_public_authorities_is_not_served(
    tls_kinde: LocalKinde,
) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(tls_kinde.issuer + JWKS, verify=ssl.create_default_context())


def test_the_authority_of_another_tenant_is_not_trusted(tls_kinde: LocalKinde) -> None:
    with (
        LocalKinde(tls=True) as stranger,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        httpx.get(tls_kinde.issuer + JWKS, verify=trusting(stranger))


def test_plain_http_to_the_port_is_not_answered_and_does_no_harm(
    tls_kinde: LocalKinde, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(tls_kinde.issuer.replace("https", "http") + JWKS)
    answer = httpx.get(tls_kinde.issuer + JWKS, verify=trusting(tls_kinde))
    assert answer.status_code == 200
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_it_stops_at_once_though_a_handshake_was_never_finished() -> None:
    with LocalKinde(tls=True) as kinde:
        port = httpx.URL(kinde.issuer).port or 0
        with socket.create_connection(("127.0.0.1", port)):
            httpx.get(kinde.issuer + JWKS, verify=trusting(kinde))
            began = time.monotonic()
            kinde.stop()
            assert time.monotonic() - began < 5


@pytest.mark.parametrize("fault", ["disconnect", "truncated"])
def test_a_fault_that_closes_the_connection_does_so_over_https(
    tls_kinde: LocalKinde, fault: str
) -> None:
    with (
        tls_kinde.fail(fault),  # type: ignore[arg-type]
        pytest.raises(httpx.RemoteProtocolError),
    ):
        httpx.get(tls_kinde.issuer + JWKS, verify=trusting(tls_kinde))


def test_stop_and_start_keep_the_authority_and_close_removes_it() -> None:
    with LocalKinde(tls=True) as kinde:
        ca, issuer = kinde.ca, kinde.issuer
        assert ca is not None
        client = trusting(kinde)
        kinde.stop()
        kinde.start()
        assert (kinde.ca, kinde.issuer) == (ca, issuer)
        assert httpx.get(issuer + JWKS, verify=client).status_code == 200
    assert not ca.parent.exists()


def test_started_again_after_its_end_it_has_another_authority() -> None:
    kinde = LocalKinde(tls=True)
    with kinde:
        first = kinde.ca
    with kinde:
        assert kinde.ca != first
        assert httpx.get(kinde.issuer + JWKS, verify=trusting(kinde)).status_code == 200


def test_once_its_authority_can_be_kept_it_starts(tmp_path: Path) -> None:
    in_the_way = tmp_path / "kinde.db.ca.key"
    in_the_way.mkdir()
    kinde = LocalKinde(database=tmp_path / "kinde.db", tls=True)
    with pytest.raises(StartError):
        kinde.start()
    in_the_way.rmdir()
    with kinde:
        assert kinde.ca == tmp_path / "kinde.db.ca.pem"
        assert httpx.get(kinde.issuer + JWKS, verify=trusting(kinde)).status_code == 200


def test_in_memory_nothing_secret_is_written_and_nobody_else_can_change_what_is() -> None:
    with LocalKinde(tls=True) as kinde:
        ca = kinde.ca
        assert ca is not None
        assert [each.name for each in ca.parent.iterdir()] == ["ca.pem"]
        assert b"PRIVATE" not in ca.read_bytes()
        assert stat.S_IMODE(ca.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("ending", ["", "kinde.stop()", "del kinde", "raise SystemExit(0)"])
def test_a_program_that_forgets_to_end_it_leaves_no_files(ending: str, tmp_path: Path) -> None:
    program = (
        "from kinde_guard.local import LocalKinde\n"
        f"kinde = LocalKinde(tls=True)\nkinde.start()\nprint(kinde.ca)\n{ending}\n"
    )
    said = ran(sys.executable, "-c", program, TMPDIR=str(tmp_path))
    assert Path(said.strip()).is_relative_to(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_start_that_fails_leaves_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        kinde = LocalKinde(port=taken.getsockname()[1], tls=True)
        with pytest.raises(StartError, match="Address already in use"), kinde:
            pytest.fail("the port is taken")
    assert list(tmp_path.iterdir()) == []


# Beside a database file


def test_with_a_file_the_authority_lies_beside_it_and_stays_trusted(tmp_path: Path) -> None:
    file = tmp_path / "kinde.db"
    with LocalKinde(database=file, tls=True) as kinde:
        assert kinde.ca == tmp_path / "kinde.db.ca.pem"
        client = trusting(kinde)
    kept = kinde.ca.read_bytes()
    with LocalKinde(database=file, tls=True) as kinde:
        assert httpx.get(kinde.issuer + JWKS, verify=client).status_code == 200
        assert kinde.ca is not None
        assert kinde.ca.read_bytes() == kept
    assert certificate_files(tmp_path) == {"kinde.db.ca.pem", "kinde.db.ca.key"}


@pytest.mark.parametrize("existing", [None, 0o644], ids=["new files", "files that were open"])
def test_all_files_beside_the_database_are_for_their_owner_alone(
    tmp_path: Path, existing: int | None
) -> None:
    before = os.umask(0)
    try:
        with LocalKinde(database=tmp_path / "kinde.db", tls=True):
            pass
        if existing is not None:
            for each in tmp_path.iterdir():
                each.chmod(existing)
        with LocalKinde(database=tmp_path / "kinde.db", tls=True):
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    finally:
        os.umask(before)
    names = {"kinde.db", "kinde.db-shm", "kinde.db-wal", "kinde.db.ca.key", "kinde.db.ca.pem"}
    assert modes == dict.fromkeys(names, 0o600)
    assert b"PRIVATE" not in (tmp_path / "kinde.db.ca.pem").read_bytes()


def test_over_http_a_file_gets_no_authority(tmp_path: Path) -> None:
    with LocalKinde(database=tmp_path / "kinde.db"):
        assert certificate_files(tmp_path) == set()


def test_a_lost_certificate_is_written_again(tmp_path: Path) -> None:
    file = tmp_path / "kinde.db"
    with LocalKinde(database=file, tls=True) as kinde:
        client = trusting(kinde)
    (tmp_path / "kinde.db.ca.pem").unlink()
    with LocalKinde(database=file, tls=True) as kinde:
        assert kinde.ca is not None
        assert kinde.ca.exists()
        assert httpx.get(kinde.issuer + JWKS, verify=client).status_code == 200


def test_an_authority_near_its_end_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "kinde.db"
    with LocalKinde(database=file, tls=True) as kinde:
        assert kinde.ca is not None
        former = kinde.ca.read_bytes()
    monkeypatch.setattr(CertificateAuthority, "is_current", False)
    with LocalKinde(database=file, tls=True) as kinde:
        assert kinde.ca is not None
        assert kinde.ca.read_bytes() != former
        answer = httpx.get(kinde.issuer + JWKS, verify=trusting(kinde))
        assert answer.status_code == 200


def _not_pem(good: bytes, other: bytes) -> bytes:
    return b"Dear diary"


def _no_certificate(good: bytes, other: bytes) -> bytes:
    return good.partition(b"-----BEGIN CERTIFICATE")[0]


def _of_another_key(good: bytes, other: bytes) -> bytes:
    return _no_certificate(good, other) + other.removeprefix(_no_certificate(other, good))


def _for_any_host(good: bytes, other: bytes) -> bytes:
    return unbounded_authority()


@pytest.mark.parametrize("spoil", [_not_pem, _no_certificate, _of_another_key, _for_any_host])
def test_a_file_that_holds_no_authority_is_refused_and_left_alone(
    tmp_path: Path, spoil: Callable[[bytes, bytes], bytes]
) -> None:
    good, other = (CertificateAuthority.generate().to_pem() for _ in range(2))
    key = tmp_path / "kinde.db.ca.key"
    spoilt = spoil(good, other)
    key.write_bytes(spoilt)
    with (
        pytest.raises(StartError, match=r"kinde\.db\.ca\.key' holds (no|a) certificate authority"),
        LocalKinde(database=tmp_path / "kinde.db", tls=True),
    ):
        pytest.fail("that is no authority")
    assert key.read_bytes() == spoilt


def test_beside_a_file_that_is_no_tenants_no_authority_is_made(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("Dear diary, " * 100)
    with pytest.raises(StoreError), LocalKinde(database=file, tls=True):
        pytest.fail("that is no tenant")
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


def test_a_place_where_no_authority_can_be_kept_is_a_start_error(tmp_path: Path) -> None:
    (tmp_path / "kinde.db.ca.key").mkdir()
    with (
        pytest.raises(StartError, match="The certificate authority cannot be kept"),
        LocalKinde(database=tmp_path / "kinde.db", tls=True),
    ):
        pytest.fail("a folder is in the way")


def test_tenants_that_start_on_one_file_at_once_share_one_authority(tmp_path: Path) -> None:
    file = tmp_path / "kinde.db"
    ready = threading.Barrier(4)
    found: list[bytes] = []

    def run() -> None:
        kinde = LocalKinde(database=file, tls=True)
        ready.wait(10)
        with kinde:
            assert kinde.ca is not None
            answer = httpx.get(kinde.issuer + JWKS, verify=trusting(kinde))
            assert answer.status_code == 200
            found.append(kinde.ca.read_bytes())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 4
    assert len(set(found)) == 1


def test_an_authority_that_another_process_made_a_moment_sooner_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "kinde.db"
    generate = CertificateAuthority.generate
    sooner = generate()

    def generate_too_late() -> CertificateAuthority:
        (tmp_path / "kinde.db.ca.key").write_bytes(sooner.to_pem())
        return generate()

    monkeypatch.setattr(CertificateAuthority, "generate", generate_too_late)
    with LocalKinde(database=file, tls=True) as kinde:
        assert kinde.ca is not None
        assert kinde.ca.read_bytes() == sooner.certificate_pem
        assert httpx.get(kinde.issuer + JWKS, verify=trusting(kinde)).status_code == 200
    assert (tmp_path / "kinde.db.ca.key").read_bytes() == sooner.to_pem()


# Clients


@pytest.mark.anyio
async def test_a_guard_verifies_its_tokens_through_an_injected_client(
    tls_kinde: LocalKinde,
) -> None:
    async with (
        httpx.AsyncClient(verify=trusting(tls_kinde)) as client,
        KindeGuard(tls_kinde.issuer, audience=tls_kinde.audience, http_client=client) as guard,
    ):
        token = await guard.verify(tls_kinde.token(["read:users"]))
    assert (token.issuer, token.scopes) == (tls_kinde.issuer, frozenset({"read:users"}))


@pytest.mark.anyio
async def test_a_guard_trusts_it_by_ssl_cert_file(
    tls_kinde: LocalKinde, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_kinde.ca))
    async with KindeGuard(tls_kinde.issuer, audience=tls_kinde.audience) as guard:
        assert (await guard.verify(tls_kinde.token())).is_machine


@pytest.mark.anyio
async def test_a_guard_that_does_not_trust_it_has_no_keys(
    tls_kinde: LocalKinde, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    async with KindeGuard(tls_kinde.issuer, audience=tls_kinde.audience) as guard:
        with pytest.raises(KeysUnavailable):
            await guard.verify(tls_kinde.token())


@pytest.mark.skipif(NODE is None, reason="Node is not on this machine")
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_node_trusts_it_by_node_extra_ca_certs(tls_kinde: LocalKinde, name: str) -> None:
    url = httpx.URL(tls_kinde.issuer + JWKS).copy_with(host=name)
    script = f"fetch({json.dumps(str(url))}).then(answer => console.log(answer.status))"
    assert ran(str(NODE), "-e", script, NODE_EXTRA_CA_CERTS=str(tls_kinde.ca)) == "200\n"


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not on this machine")
def test_openssl_finds_no_fault_with_the_chain_however_strictly_it_looks(
    tls_kinde: LocalKinde, tmp_path: Path
) -> None:
    host, port = httpx.URL(tls_kinde.issuer).host, httpx.URL(tls_kinde.issuer).port
    pem = tmp_path / "server.pem"
    pem.write_text(ssl.get_server_certificate((host, port or 0)))
    for name in (
        ("-verify_ip", "127.0.0.1"),
        ("-verify_ip", "::1"),
        ("-verify_hostname", "localhost"),
    ):
        checked = ran(
            str(OPENSSL), "verify", "-x509_strict", "-check_ss_sig", "-purpose", "sslserver",
            *name, "-CAfile", str(tls_kinde.ca), pem,
        )  # fmt: skip
        assert checked == f"{pem}: OK\n"
