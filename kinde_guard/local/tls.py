"""https for local Kinde: where its certificate authority lies, and the server's end of TLS.

A tenant in memory gets an authority of its own, whose key is never written down; its certificate
lies in a temporary directory until the tenant ends. A tenant in a file keeps the authority beside
it, so that clients which trust it still do so after a restart:

======================  ===================================================
``kinde.db.ca.pem``     the certificate, for clients
``kinde.db.ca.key``     the private key and the certificate, for its owner
======================  ===================================================
"""

from __future__ import annotations

import os
import shutil
import ssl
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kinde_guard.local.certificate_authority import CertificateAuthority, UnboundedAuthority
from kinde_guard.local.server import StartError

MEMORY: Final = ":memory:"
HINT: Final = "Remove the file, and a new one is made."
FOR_ITS_OWNER: Final = 0o600
"""The mode of every file, whatever it was before."""


class Credentials:
    """An authority, the file in which clients find its certificate, and what it issues.

    Args:
        database: ":memory:", or the file beside which the authority is kept.

    Raises:
        StartError: the files cannot be written, or are not an authority's.

    Example:
        >>> credentials = Credentials(":memory:")
        >>> credentials.ca.name
        'ca.pem'
        >>> credentials.close()
        >>> credentials.ca.exists()
        False
    """

    def __init__(self, database: str | Path) -> None:
        if str(database) == MEMORY:
            directory = tempfile.mkdtemp(prefix="kinde-guard-")
            # Called by ``close``, or when this object is forgotten, or when the interpreter ends.
            self._remove: Callable[[], object] = weakref.finalize(
                self, shutil.rmtree, directory, ignore_errors=True
            )
            self._authority = CertificateAuthority.generate()
            self.ca = Path(directory, "ca.pem")
        else:
            self._remove = _nothing
            self._authority = _kept(Path(f"{database}.ca.key"))
            self.ca = Path(f"{database}.ca.pem").absolute()
        _publish(self.ca, self._authority.certificate_pem)

    def server_context(self, host: str) -> ssl.SSLContext:
        """Return the server's end of TLS at this host, with a new certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        # OpenSSL reads a key from a file only: one for this user alone, and for a moment.
        with tempfile.TemporaryDirectory(prefix="kinde-guard-") as directory:
            file = _write(Path(directory, "server.pem"), self._authority.issue(host), FOR_ITS_OWNER)
            context.load_cert_chain(file)
        return context

    def close(self) -> None:
        """Remove what does not belong to a database file."""
        self._remove()


def _nothing() -> None:
    pass


def _kept(file: Path) -> CertificateAuthority:
    """Return the authority in ``file``, a new one if there is none or it comes to its end."""
    try:
        authority = _read(file)
        if authority is not None and not authority.is_current:
            file.unlink(missing_ok=True)
            authority = None
        return authority or _keep(file)
    except OSError as error:
        raise StartError(f"The certificate authority cannot be kept: {error}.") from error


def _read(file: Path) -> CertificateAuthority | None:
    try:
        authority = CertificateAuthority.from_pem(file.read_bytes())
        file.chmod(FOR_ITS_OWNER)
    except FileNotFoundError:
        return None
    except UnboundedAuthority as error:
        wrong = "holds a certificate authority that can vouch for more than this machine"
        raise StartError(f"The file {str(file)!r} {wrong}. {HINT}") from error
    except (ValueError, TypeError) as error:
        wrong = "holds no certificate authority"
        raise StartError(f"The file {str(file)!r} {wrong}. {HINT}") from error
    return authority


def _keep(file: Path) -> CertificateAuthority:
    """Put a new authority into ``file``; if another process was faster, return its one."""
    with tempfile.TemporaryDirectory(prefix=".kinde-guard-", dir=file.parent) as directory:
        pem = CertificateAuthority.generate().to_pem()
        written = _write(Path(directory, "ca.key"), pem, FOR_ITS_OWNER)
        try:
            # A link comes to be whole or not at all, and never takes the place of another file.
            os.link(written, file)
        except FileExistsError:
            pem = file.read_bytes()
    return CertificateAuthority.from_pem(pem)


def _publish(file: Path, certificate: bytes) -> None:
    try:
        if file.exists() and file.read_bytes() == certificate:
            file.chmod(FOR_ITS_OWNER)
            return
        with tempfile.TemporaryDirectory(prefix=".kinde-guard-", dir=file.parent) as directory:
            # A reader at this moment gets the former file or the new one.
            _write(Path(directory, "ca.pem"), certificate, FOR_ITS_OWNER).replace(file)
    except OSError as error:
        raise StartError(f"The CA's certificate cannot be written: {error}.") from error


def _write(file: Path, content: bytes, mode: int) -> Path:
    # Made with its mode, so that at no moment anybody else may read it.
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    return file
