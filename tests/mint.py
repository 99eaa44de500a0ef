"""Tokens, keys and key servers for tests, made without a line of the package under test.

Signing is done on raw bytes, so that what no library would sign (two members of one name, a
padded segment, ``alg: none``) can be signed correctly and refused for the right reason alone.
Times stand still in ``FrozenClock``, and ``KeyServer`` counts every fetch of the key set.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

#: 2026-01-01T00:00:00Z; what every frozen clock shows first.
NOW: Final = 1_767_225_600
DOMAIN: Final = "acme.kinde.com"
ISSUER: Final = "https://acme.kinde.com"
AUDIENCE: Final = "https://api.acme.example"
JWKS_URL: Final = f"{ISSUER}/.well-known/jwks"
#: The form of Kinde's key ids: sixteen hex pairs joined by colons.
KID: Final = "4c:fa:9e:d6:47:23:b7:39:c7:8f:97:28:45:a1:84:35"
OTHER_KID: Final = "a0:11:9e:d6:47:23:b7:39:c7:8f:97:28:45:a1:84:36"
CLIENT_ID: Final = "7cf6b1c1d3e54c3f9a7a4f8f1a2b3c4d"

EcPrivateKey = ec.EllipticCurvePrivateKey
PrivateKey = rsa.RSAPrivateKey | EcPrivateKey | ed25519.Ed25519PrivateKey
Json = dict[str, Any]


class Omit:
    """The mark for a claim or header member that is to be left out."""

    def __repr__(self) -> str:
        return "OMIT"


OMIT: Final[Any] = Omit()

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_CURVES: Final[dict[str, tuple[str, ec.EllipticCurve, int]]] = {
    "ES256": ("P-256", ec.SECP256R1(), 32),
    "ES384": ("P-384", ec.SECP384R1(), 48),
    "ES512": ("P-521", ec.SECP521R1(), 66),
}


class FrozenClock:
    """A clock that shows one time until it is moved."""

    def __init__(self, now: float = NOW) -> None:
        self.now: float = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def b64url(data: bytes) -> str:
    """Return ``data`` as canonical base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64int(number: int) -> str:
    return b64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def as_bytes(value: Mapping[str, Any] | str | bytes) -> bytes:
    """Return a segment's content: objects as JSON, text as UTF-8, bytes as they are."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    members = {name: member for name, member in value.items() if member is not OMIT}
    return json.dumps(members, separators=(",", ":")).encode()


@dataclass(frozen=True)
class SigningKey:
    """A private key with its key id and its usual algorithm."""

    kid: str
    private: PrivateKey = field(repr=False)
    alg: str = "RS256"

    @classmethod
    def rsa(cls, kid: str, *, bits: int = 2048, alg: str = "RS256") -> SigningKey:
        return cls(kid, rsa.generate_private_key(65537, bits), alg)

    @classmethod
    def ec(cls, kid: str, *, alg: str = "ES256") -> SigningKey:
        return cls(kid, ec.generate_private_key(_CURVES[alg][1]), alg)

    @classmethod
    def ed25519(cls, kid: str) -> SigningKey:
        return cls(kid, ed25519.Ed25519PrivateKey.generate(), "EdDSA")

    def renamed(self, kid: str) -> SigningKey:
        """Return the same material under another key id."""
        return replace(self, kid=kid)

    def using(self, alg: str) -> SigningKey:
        """Return the same material used with another algorithm."""
        return replace(self, alg=alg)

    @property
    def public_pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def jwk(self, **changes: Any) -> Json:
        """Return the public JWK, with members changed, added or left out (``OMIT``)."""
        members = {**self._material(), "kid": self.kid, "use": "sig", "alg": self.alg, **changes}
        return {name: member for name, member in members.items() if member is not OMIT}

    def _material(self) -> Json:
        public = self.private.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            return {"kty": "RSA", "n": b64int(numbers.n), "e": b64int(numbers.e)}
        if isinstance(public, ec.EllipticCurvePublicKey):
            point = public.public_numbers()
            size = (public.curve.key_size + 7) // 8
            x, y = (b64url(number.to_bytes(size, "big")) for number in (point.x, point.y))
            return {"kty": "EC", "crv": f"P-{public.curve.key_size}", "x": x, "y": y}
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "x": b64url(raw)}

    def sign(self, data: bytes, alg: str | None = None) -> bytes:
        """Return the raw JWS signature of ``data`` (RFC 7518, section 3; RFC 8037)."""
        name = alg or self.alg
        if isinstance(self.private, rsa.RSAPrivateKey):
            digest = _HASHES.get(name[2:], hashes.SHA256())
            if name.startswith("PS"):
                pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
                return self.private.sign(data, pss, digest)
            return self.private.sign(data, padding.PKCS1v15(), digest)
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return self._sign_ec(self.private, data, name)
        return self.private.sign(data)

    def _sign_ec(self, private: EcPrivateKey, data: bytes, name: str) -> bytes:
        der = private.sign(data, ec.ECDSA(_HASHES.get(name[2:], hashes.SHA256())))
        size = (private.curve.key_size + 7) // 8
        return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(der))


def hmac_signature(secret: bytes, data: bytes) -> bytes:
    """Return an HS256 signature, made without PyJWT's check for PEM secrets."""
    return hmac.new(secret, data, hashlib.sha256).digest()


def compact(
    header: Mapping[str, Any] | str | bytes,
    payload: Mapping[str, Any] | str | bytes,
    key: SigningKey | None = None,
    *,
    alg: str | None = None,
    sign: Callable[[bytes], bytes] | None = None,
) -> str:
    """Return a compact JWS over exactly these bytes; without key and ``sign``: no signature."""
    signing_input = f"{b64url(as_bytes(header))}.{b64url(as_bytes(payload))}"
    data = signing_input.encode()
    if sign is not None:
        return f"{signing_input}.{b64url(sign(data))}"
    signature = key.sign(data, alg) if key else b""
    return f"{signing_input}.{b64url(signature)}"


def sealed(header_segment: str, payload_segment: str, key: SigningKey) -> str:
    """Sign two ready-made segments, however odd their text is."""
    signing_input = f"{header_segment}.{payload_segment}"
    return f"{signing_input}.{b64url(key.sign(signing_input.encode()))}"


@dataclass
class Tenant:
    """A Kinde tenant in miniature: an issuer, a key, an audience and tokens of Kinde's shape."""

    key: SigningKey
    clock: FrozenClock = field(default_factory=FrozenClock)
    issuer: str = ISSUER
    audience: str = AUDIENCE

    @property
    def jwks_url(self) -> str:
        return f"{self.issuer}/.well-known/jwks"

    def header(self, **changes: Any) -> Json:
        return _without({"alg": self.key.alg, "kid": self.key.kid, "typ": "JWT", **changes})

    def claims(self, *scopes: str, **changes: Any) -> Json:
        """Return the claims of an M2M token, as Kinde documents them."""
        now = int(self.clock.now)
        return _without(
            {
                "aud": [self.audience],
                "azp": CLIENT_ID,
                "exp": now + 86_400,
                "gty": ["client_credentials"],
                "iat": now,
                "iss": self.issuer,
                "jti": "0d5c2a1e-7f6b-4a39-9a52-6e0d0e0f1a2b",
                "scope": " ".join(scopes),
                "scp": list(scopes),
                "v": "2",
                **changes,
            }
        )

    def token(
        self,
        *scopes: str,
        key: SigningKey | None = None,
        header: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """Return a signed M2M token; keyword arguments change, add or omit claims."""
        signer = key or self.key
        members = self.header(**{"alg": signer.alg, "kid": signer.kid, **(header or {})})
        return compact(members, self.claims(*scopes, **changes), signer)

    def user_token(self, *scopes: str, **changes: Any) -> str:
        """Return a signed-in user's access token: a subject, ``scp`` alone, no ``gty``."""
        user = {"sub": "kp_0ba7c433e5d648cf992621ce99d42817", "scp": list(scopes)}
        return self.token(**{"gty": OMIT, "scope": OMIT, "v": OMIT, **user, **changes})

    def id_token(self, **changes: Any) -> str:
        now = int(self.clock.now)
        claims = {
            "at_hash": "c2hhcGU",
            "aud": [self.issuer, CLIENT_ID],
            "auth_time": now,
            "azp": CLIENT_ID,
            "email": "ada@example.com",
            "exp": now + 3600,
            "iat": now,
            "iss": self.issuer,
            "sub": "kp_0ba7c433e5d648cf992621ce99d42817",
            **changes,
        }
        return compact(self.header(), claims, self.key)

    def webhook_jwt(self, **changes: Any) -> str:
        claims = {
            "data": {"user": {"id": "kp_0ba7c433e5d648cf992621ce99d42817"}},
            "event_id": "event_018f3f0e",
            "source": "admin",
            "timestamp": "2026-01-01T00:00:00.000000+10:00",
            "type": "user.updated",
            **changes,
        }
        return compact(self.header(), claims, self.key)


def _without(members: Json) -> Json:
    return {name: member for name, member in members.items() if member is not OMIT}


Answerer = Callable[[httpx.Request], Awaitable[httpx.Response]]


class KeyServer:
    """The issuer's JWKS endpoint behind a fake transport: counted, and faulty on demand."""

    def __init__(self, *keys: SigningKey | Json, url: str = JWKS_URL) -> None:
        self.url = url
        self.documents: dict[str, Json] = {}
        self.requests: list[httpx.Request] = []
        self.answered = 0
        self._gate: asyncio.Event | None = None
        self._fault: Answerer | None = None
        self.publish(*keys)

    @property
    def fetches(self) -> int:
        return len(self.requests)

    def publish(self, *keys: SigningKey | Json, url: str | None = None) -> None:
        """Serve these keys from now on."""
        self.documents[url or self.url] = jwks(*keys)

    def hold(self) -> None:
        """Let fetches begin, but not end, until ``release``."""
        self._gate = asyncio.Event()

    def release(self) -> None:
        if self._gate is not None:
            self._gate.set()
            self._gate = None

    def fail(self, fault: Answerer | Exception | httpx.Response | int = 500) -> None:
        """Answer with a status, a response, an exception or a handler until ``recover``."""
        self._fault = _as_answerer(fault)

    def recover(self) -> None:
        self._fault = None

    def client(self, **settings: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer), **settings)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        gate = self._gate
        if gate is not None:
            await gate.wait()
        response = await self._respond(request)
        self.answered += 1
        return response

    async def _respond(self, request: httpx.Request) -> httpx.Response:
        if self._fault is not None:
            return await self._fault(request)
        document = self.documents.get(str(request.url))
        if document is None:
            return httpx.Response(404, text="no key set here")
        return httpx.Response(200, json=document)


def _as_answerer(fault: Answerer | Exception | httpx.Response | int) -> Answerer:
    async def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(fault, int):
            return httpx.Response(fault, text="fault on demand")
        if isinstance(fault, httpx.Response):
            return httpx.Response(fault.status_code, headers=fault.headers, content=fault.content)
        if isinstance(fault, Exception):
            raise fault
        return await fault(request)

    return answer


def jwks(*keys: SigningKey | Json) -> Json:
    """Return a JSON Web Key Set document of these keys."""
    return {"keys": [key.jwk() if isinstance(key, SigningKey) else key for key in keys]}


async def dripping(chunks: int, *, size: int = 1, pause: float = 0.0) -> AsyncIterator[bytes]:
    """Yield a body in many pieces, with a pause before each."""
    for _ in range(chunks):
        await asyncio.sleep(pause)
        yield b" " * size


class LoopbackKeyServer:
    """A key set on a real loopback socket with keep-alive, for tests where sockets matter."""

    def __init__(self) -> None:
        self.document: Json = {"keys": []}
        self.status = 200
        self.fetches = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def do_GET(self) -> None:
                outer.fetches += 1
                body = json.dumps(outer.document).encode()
                self.send_response(outer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - inherited
                """Keep the test's output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"

    def publish(self, *keys: SigningKey | Json) -> None:
        self.document = jwks(*keys)

    @contextmanager
    def running(self) -> Iterator[LoopbackKeyServer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
