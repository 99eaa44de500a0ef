"""What the certificate authority of local Kinde says, and what it cannot vouch for."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from kinde_guard.local import certificate_authority
from kinde_guard.local.certificate_authority import CertificateAuthority
from tests.local.authorities import unbounded_authority


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return CertificateAuthority.generate()


def certificate(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def shake_hands(
    authority: CertificateAuthority, server_pem: bytes, name: str, folder: Path
) -> None:
    """Let a strict client that trusts ``authority`` meet a server; raise if it will not."""
    file = folder / "server.pem"
    file.write_bytes(server_pem)
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(file)
    here = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    here.verify_flags |= ssl.VERIFY_X509_STRICT
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = here.wrap_bio(down, up, server_hostname=name)
    server = there.wrap_bio(up, down, server_side=True)
    for end in (client, server, client):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue


@pytest.mark.parametrize("name", ["127.0.0.1", "::1", "localhost", "127.0.0.2"])
def test_a_strict_client_accepts_each_name_of_this_machine(
    authority: CertificateAuthority, name: str, tmp_path: Path
) -> None:
    shake_hands(authority, authority.issue("127.0.0.2"), name, tmp_path)


def test_a_name_that_the_server_does_not_have_is_refused(
    authority: CertificateAuthority, tmp_path: Path
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        shake_hands(authority, authority.issue("127.0.0.1"), "127.0.0.2", tmp_path)


@pytest.mark.parametrize("name", ["acme.kinde.com", "10.0.0.1", "localhost.example.com"])
def test_whoever_steals_its_key_can_vouch_for_no_other_host(
    authority: CertificateAuthority, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def general_name(host: str) -> x509.GeneralName:
        return x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)

    monkeypatch.setattr(certificate_authority, "ALWAYS_NAMED", ())
    monkeypatch.setattr(certificate_authority, "_general_name", general_name)
    stolen = authority.issue(name)

    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        shake_hands(authority, stolen, name, tmp_path)


def test_it_says_what_strict_verifiers_ask_for(authority: CertificateAuthority) -> None:
    extensions = certificate(authority.certificate_pem).extensions
    said = {each.oid._name: each.critical for each in extensions}
    assert said == {
        "subjectKeyIdentifier": False,
        "basicConstraints": True,
        "keyUsage": True,
        "nameConstraints": True,
        "authorityKeyIdentifier": False,
    }
    assert extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(
        ca=True, path_length=0
    )
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, False)


def test_a_servers_certificate_is_one_for_servers_only(authority: CertificateAuthority) -> None:
    issued, own = certificate(authority.issue("127.0.0.1")), certificate(authority.certificate_pem)
    extensions = issued.extensions
    assert {each.oid._name: each.critical for each in extensions} == {
        "subjectKeyIdentifier": False,
        "basicConstraints": True,
        "keyUsage": True,
        "extendedKeyUsage": False,
        "subjectAltName": False,
        "authorityKeyIdentifier": False,
    }
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.SERVER_AUTH
    ]
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["127.0.0.1", "::1", "localhost"]
    identifier = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    subject = own.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert identifier.key_identifier == subject.digest


def test_certificates_hold_from_yesterday_and_no_longer_than_clients_allow(
    authority: CertificateAuthority,
) -> None:
    issued, own = certificate(authority.issue("127.0.0.1")), certificate(authority.certificate_pem)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    for each in (issued, own):
        assert abs(each.not_valid_before_utc - yesterday) < timedelta(minutes=5)
    assert issued.not_valid_after_utc - issued.not_valid_before_utc <= timedelta(days=397)
    assert issued.not_valid_after_utc < own.not_valid_after_utc


def test_no_two_are_alike_and_a_trust_store_tells_them_apart(
    authority: CertificateAuthority,
) -> None:
    one, other = (
        certificate(each.certificate_pem) for each in (authority, CertificateAuthority.generate())
    )
    assert one.subject != other.subject
    assert one.serial_number != other.serial_number


def test_it_comes_back_from_its_file_as_it_was(authority: CertificateAuthority) -> None:
    again = CertificateAuthority.from_pem(authority.to_pem())
    assert again.to_pem() == authority.to_pem()
    assert again.is_current


@pytest.mark.parametrize(
    "permitted",
    [
        None,
        [x509.DNSName("kinde.com")],
        [*certificate_authority.LOOPBACK, x509.DNSName("kinde.com")],
    ],
    ids=["none", "another", "more"],
)
def test_a_planted_one_that_can_vouch_for_other_hosts_is_refused(
    permitted: list[x509.GeneralName] | None,
) -> None:
    bounds = [] if permitted is None else [x509.NameConstraints(permitted, None)]
    with pytest.raises(ValueError, match="more than loopback"):
        CertificateAuthority.from_pem(unbounded_authority(*bounds))


def test_its_key_never_shows_in_its_repr(authority: CertificateAuthority) -> None:
    assert repr(authority).startswith("<kinde_guard.local.certificate_authority")
