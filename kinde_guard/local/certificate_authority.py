"""A certificate authority for one machine: it can vouch for loopback and ``localhost``, no more.

That bound stands in its certificate as name constraints (RFC 5280, section 4.2.1.10), so trust
in it, even system-wide and for good, extends to nothing that leaves the machine. The
extensions are those that strict verifiers ask for: OpenSSL 3 with X509_V_FLAG_X509_STRICT, which
Python 3.13 sets by default, and Node.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFETIME: Final = timedelta(days=3650)
CERTIFICATE_LIFETIME: Final = timedelta(days=365)
"""A server's certificate is made anew at each start. Some clients refuse one of over 397 days."""
BACKDATED: Final = timedelta(days=1)
"""So that a client whose clock is a little behind accepts what was made this minute."""

LOOPBACK: Final = (
    x509.IPAddress(ip_network("127.0.0.0/8")),
    x509.IPAddress(ip_network("::1/128")),
    x509.DNSName("localhost"),
)
"""The only names that the authority can vouch for."""
ALWAYS_NAMED: Final = ("127.0.0.1", "::1", "localhost")
"""The names in every server's certificate."""


class UnboundedAuthority(ValueError):
    """A certificate that can vouch for more than this machine: clients are told to trust it."""


class CertificateAuthority:
    """A key and its self-signed certificate. It has no repr of its own: it holds a secret.

    Example:
        >>> authority = CertificateAuthority.generate()
        >>> authority.certificate_pem.splitlines()[0]
        b'-----BEGIN CERTIFICATE-----'
    """

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = certificate

    @classmethod
    def generate(cls) -> Self:
        """Return a new authority, like no other."""
        key = ec.generate_private_key(ec.SECP256R1())
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        # Told apart in a trust store by the beginning of its key's identifier.
        name = _name(f"Local Kinde development CA {identifier.digest[:4].hex()}")
        certificate = (
            _builder(name, name, key.public_key(), AUTHORITY_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(certificates=True), critical=True)
            .add_extension(x509.NameConstraints(LOOPBACK, None), critical=True)
            .add_extension(_authority_identifier(identifier), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Return the authority that ``to_pem`` wrote.

        Raises:
            UnboundedAuthority: the certificate is not bound to loopback.
            ValueError: it did not.
        """
        key = serialization.load_pem_private_key(pem, password=None)
        certificate = x509.load_pem_x509_certificate(pem)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("the key is of another kind")
        if certificate.public_key() != key.public_key():
            raise ValueError("the certificate is another key's")
        if not _is_for_loopback_alone(certificate):
            raise UnboundedAuthority("the certificate can vouch for more than loopback")
        return cls(key, certificate)

    def to_pem(self) -> bytes:
        """Return the private key, unencrypted, and the certificate."""
        return _private_pem(self._key) + self.certificate_pem

    @property
    def certificate_pem(self) -> bytes:
        """The certificate, for clients to trust."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def is_current(self) -> bool:
        """Whether it outlives every certificate that it might issue now."""
        return self._certificate.not_valid_after_utc > datetime.now(UTC) + CERTIFICATE_LIFETIME

    def issue(self, host: str) -> bytes:
        """Return a new key and a certificate for a server on this machine, as PEM.

        Args:
            host: a loopback address or "localhost"; it is named besides the ones always named.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        own = self._certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        names = [_general_name(name) for name in dict.fromkeys((*ALWAYS_NAMED, host))]
        certificate = (
            _builder(
                _name("Local Kinde"),
                self._certificate.subject,
                key.public_key(),
                CERTIFICATE_LIFETIME,
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(_authority_identifier(own.value), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return _private_pem(key) + certificate.public_bytes(serialization.Encoding.PEM)


def _is_for_loopback_alone(certificate: x509.Certificate) -> bool:
    """Tell whether the certificate bounds what it vouches for as ``generate`` does."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints)
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    permitted = constraints.value.permitted_subtrees or []
    return (
        constraints.critical
        and set(permitted) == set(LOOPBACK)
        and basic.value.ca
        and basic.value.path_length == 0
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "kinde-guard"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _key_usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_identifier(identifier: x509.SubjectKeyIdentifier) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _general_name(host: str) -> x509.GeneralName:
    return x509.DNSName(host) if host == "localhost" else x509.IPAddress(ip_address(host))


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
