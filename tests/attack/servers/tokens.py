"""Good tokens, bad tokens and what a seeded random generator makes of them.

Whatever stands in an ``Authorization`` header here holds ``MARK``, or ``JSON_START``, with which
every JOSE header begins: neither may be seen in an answer or in a log.
"""

from __future__ import annotations

import random
import re
import string
from typing import Any, Final

from tests.mint import OMIT, SigningKey, Tenant, b64url, compact, hmac_signature, sealed

MARK: Final = "T0ken-of-the-test"
#: What ``{"`` begins with in base64url.
JSON_START: Final = "eyJ"

_SCOPE: Final = "read:users"
_BASE64URL: Final = string.ascii_letters + string.digits + "-_"


class Tokens:
    """The tokens of one run.

    Args:
        tenant: whose key the server has.
        stranger: a key that the server has never seen.
        chance: decides.
    """

    def __init__(self, tenant: Tenant, stranger: SigningKey, chance: random.Random) -> None:
        self._chance = chance
        self._good = [
            tenant.token(
                _SCOPE, jti=f"{MARK}-{number}", pad="x" * chance.choice((0, 10, 500, 4000))
            )
            for number in range(24)
        ]
        self._good += [tenant.user_token(_SCOPE, jti=f"{MARK}-user-{n}") for n in range(4)]
        self._bad = list(_bad_tokens(tenant, stranger))
        self._find = re.compile(b"|".join(re.escape(token.encode()) for token in self._good))

    def good(self) -> bytes:
        return self._chance.choice(self._good).encode()

    def bad(self) -> bytes:
        return self._chance.choice(self._bad).encode()

    def count_good(self, data: bytes) -> int:
        """Return how many good tokens stand in these bytes."""
        return len(self._find.findall(data))

    def mutated(self) -> bytes:
        """Return a token that is no longer good, though it was."""
        while True:
            change = self._chance.choice(_MUTATIONS)
            token: bytes = change(self._chance, self.good(), self.good())
            if token and not self.count_good(token):
                return token

    def garbage(self) -> bytes:
        """Return bytes that nobody would take for a token."""
        size = self._chance.choice((0, 1, 3, 20, 200, 2000))
        alphabet = self._chance.choice(_ALPHABETS)
        return MARK.encode() + bytes(self._chance.choices(alphabet, k=size))

    def oversized(self) -> bytes:
        """Return a token of a size around the guard's limit, or far above it."""
        size = self._chance.choice((16_300, 16_384, 16_385, 17_000, 33_000))
        filler = self._chance.choice((b"A", b".", b"eyJ", b"=", b"A.A.A"))
        return (MARK.encode() + filler * size)[:size]


#: Bytes that a header may hold: visible ASCII, what b64token allows, the high half of a byte.
_ALPHABETS: Final = (
    string.printable[:94].encode(),
    (_BASE64URL + "~+/=.").encode(),
    bytes(range(0x80, 0x100)),
    "äöü€😀".encode(),
)


def _bad_tokens(tenant: Tenant, stranger: SigningKey) -> list[str]:
    """Return well-formed tokens, each with one thing wrong."""
    now = int(tenant.clock.now)
    forger = stranger.renamed(tenant.key.kid)
    claims = tenant.claims(_SCOPE, jti=MARK)
    changes: list[dict[str, Any]] = [
        {"exp": now - 3600},
        {"exp": OMIT},
        {"exp": "never"},
        {"exp": 10**400},
        {"nbf": now + 3600},
        {"iat": now + 3600},
        {"iss": "https://evil.example"},
        {"iss": OMIT},
        {"aud": "somebody-else"},
        {"aud": [tenant.issuer]},
        {"aud": OMIT},
        {"aud": {}},
    ]
    headers: list[dict[str, Any]] = [
        {"kid": OMIT},
        {"kid": "../../etc/passwd"},
        {"kid": 7},
        {"kid": MARK * 100},
        {"typ": "evil"},
        {"crit": ["exp"]},
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS512"},
        {"jku": "https://evil.example/jwks"},
    ]
    secret = tenant.key.public_pem
    header = tenant.header()
    return [
        *(tenant.token(_SCOPE, **{"jti": MARK, **change}) for change in changes),
        *(tenant.token(_SCOPE, jti=MARK, header=change) for change in headers[:-1]),
        tenant.token(_SCOPE, jti=MARK, key=forger),
        tenant.token(_SCOPE, jti=MARK, key=stranger),
        tenant.token(_SCOPE, jti=MARK, key=forger, header=headers[-1]),
        tenant.id_token(nonce=MARK),
        tenant.webhook_jwt(source=MARK),
        compact({**header, "alg": "none"}, claims),
        compact({**header, "alg": "HS256"}, claims, sign=lambda data: hmac_signature(secret, data)),
        compact(header, b"[" * 5000, tenant.key),
        compact(header, b'{"iss":"a","iss":"b"}', tenant.key),
        compact(header, b'{"exp":NaN}', tenant.key),
        compact(header, b"\xff\xfe", tenant.key),
        compact(header, b'{"sub":"\\ud800"}', tenant.key),
        sealed("", b64url(b"{}"), tenant.key),
        "..",
        f"{JSON_START}.{JSON_START}.",
    ]


def _flipped(chance: random.Random, token: bytes, _: bytes) -> bytes:
    place = chance.randrange(len(token))
    return token[:place] + chance.choice(_BASE64URL).encode() + token[place + 1 :]


def _inserted(chance: random.Random, token: bytes, _: bytes) -> bytes:
    place = chance.randrange(1, len(token))
    return token[:place] + chance.choice(_ODD_BYTES) + token[place:]


def _cut(chance: random.Random, token: bytes, _: bytes) -> bytes:
    return token[: chance.randrange(1, len(token))]


def _headless(chance: random.Random, token: bytes, _: bytes) -> bytes:
    return token[chance.randrange(1, len(token)) :]


def _swapped(chance: random.Random, token: bytes, other: bytes) -> bytes:
    ours, theirs = token.split(b"."), other.split(b".")
    place = chance.randrange(3)
    return b".".join([*ours[:place], theirs[(place + chance.randrange(3)) % 3], *ours[place + 1 :]])


def _respelled(chance: random.Random, token: bytes, _: bytes) -> bytes:
    """Change the bits of the last character that encode nothing, or pad it."""
    last = _BASE64URL.index(chr(token[-1]))
    other = (last & 0b110000) | (last & 0b1111 ^ chance.randrange(1, 16))
    return token + b"==" if chance.random() < 0.3 else token[:-1] + _BASE64URL[other].encode()


def _percent_encoded(chance: random.Random, token: bytes, _: bytes) -> bytes:
    place = chance.randrange(len(token))
    return token[:place] + b"%%%02x" % token[place] + token[place + 1 :]


def _recased(_: random.Random, token: bytes, __: bytes) -> bytes:
    return token.swapcase()


_ODD_BYTES: Final = (
    b" ",
    b"\t",
    b".",
    b"=",
    b",",
    b'"',
    b"\x00",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\x0b",
)
_MUTATIONS: Final = (
    _flipped,
    _inserted,
    _cut,
    _headless,
    _swapped,
    _respelled,
    _percent_encoded,
    _recased,
)
