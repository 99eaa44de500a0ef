"""RSASSA-PKCS1-v1_5 as RFC 8017 words it: recover what was signed, compare it with what must be.

OpenSSL raises the signature to the key's exponent and takes the padding off, which must be whole.
What is left must equal the name of the hash and the digest of the message, byte for byte: nothing
is searched for in it or skipped, so there is nothing to forge around. That is the verification that
a library's ``verify`` makes too; there, finding the hash by its name and its parameters anew for
each signature takes a tenth of all that a token never seen costs a request. Here those are
constants, and the tests hold the two to one verdict, whatever is signed.

Source: RFC 8017, sections 8.2.2 and 9.2 (note 1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

# RFC 8017, 9.2, note 1: the DER encoding of DigestInfo, up to the digest itself.
_DIGEST_INFO = {
    "RS256": (hashlib.sha256, bytes.fromhex("3031300d060960864801650304020105000420")),
    "RS384": (hashlib.sha384, bytes.fromhex("3041300d060960864801650304020205000430")),
    "RS512": (hashlib.sha512, bytes.fromhex("3051300d060960864801650304020305000440")),
}

ALGORITHMS = frozenset(_DIGEST_INFO)
"""The ``alg`` values that this module verifies (RFC 7518, section 3.3)."""


def signature_check(key: RSAPublicKey, algorithm: str) -> Callable[[bytes, bytes], bool]:
    """Return a function that tells whether a key made a signature.

    Args:
        key: the signer's.
        algorithm: one of :data:`ALGORITHMS`.

    Returns:
        A function of the message and the signature.

    Example:
        >>> from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
        >>> key = generate_private_key(65537, 2048).public_key()
        >>> signature_check(key, "RS256")(b"message", bytes(256))
        False
    """
    digest, digest_info = _DIGEST_INFO[algorithm]
    size = (key.key_size + 7) // 8
    padding = PKCS1v15()

    def check(message: bytes, signature: bytes) -> bool:
        # 8.2.2, step 1: shorter ones mean the same number, and OpenSSL would take them here.
        if len(signature) != size:
            return False
        try:
            recovered = key.recover_data_from_signature(signature, padding, None)
        except InvalidSignature:
            return False
        return recovered == digest_info + digest(message).digest()

    return check
