"""Something that the right key signed, but that is no access token; or that is no token at all."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kinde_guard import (
    GuardError,
    InvalidClaim,
    InvalidSignature,
    MalformedToken,
    WrongAudience,
)
from tests.attack.bypass.target import MakeGuard, Target
from tests.mint import OMIT, SigningKey, Tenant, as_bytes, b64url, compact

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("checked", [True, False])
async def test_id_token_is_refused(checked: bool, make_guard: MakeGuard, tenant: Tenant) -> None:
    """An ID token, which the same key signed for the same user.

    Seen: APIs that check signature and expiry alone; fastmcp, pull request 1891; Kinde, "About ID
    tokens" (the issuer is among its audiences).
    """
    target = Target(make_guard(audience=make_guard().settings.audience if checked else None))
    await target.refuses(WrongAudience, token=tenant.id_token())
    await target.refuses(WrongAudience, token=tenant.id_token(scope="read:users"))


@pytest.mark.parametrize("checked", [True, False])
async def test_webhook_is_refused(checked: bool, make_guard: MakeGuard, tenant: Tenant) -> None:
    """The JWT of a webhook, which the same key signed.

    Seen: Kinde, "About webhooks": no ``exp``, no ``iss``, no ``aud``.
    """
    target = Target(make_guard(audience=make_guard().settings.audience if checked else None))
    await target.refuses(InvalidClaim, token=tenant.webhook_jwt())
    await target.refuses(InvalidClaim, token=tenant.webhook_jwt(scope="read:users"))


def _jwe(key: SigningKey, plaintext: bytes) -> str:
    public = key.private.public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        raise TypeError("RSA is wanted")
    content_key, nonce = os.urandom(32), os.urandom(12)
    header = b64url(as_bytes({"alg": "RSA-OAEP", "enc": "A256GCM", "kid": key.kid, "cty": "JWT"}))
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    sealed = AESGCM(content_key).encrypt(nonce, plaintext, header.encode())
    parts = (public.encrypt(content_key, oaep), nonce, sealed[:-16], sealed[-16:])
    return ".".join([header, *map(b64url, parts)])


async def test_encrypted_token_is_refused(target: Target, tenant: Tenant) -> None:
    """Claims that anybody encrypted with the published key, in five segments.

    Seen: json-jwt, CVE-2023-51774 (an encrypted token passed for a signed one); python-jose,
    CVE-2024-33664, and jwcrypto, CVE-2026-39373 (what is inflated fills the memory).
    """
    claims = as_bytes(tenant.claims("read:users"))
    await target.refuses(MalformedToken, token=_jwe(tenant.key, claims))
    inner = tenant.token("read:users").encode()
    await target.refuses(MalformedToken, token=_jwe(tenant.key, inner))


async def test_nested_token_is_refused(target: Target, tenant: Tenant) -> None:
    """A token whose payload is a token.

    Seen: RFC 7519, section 5.2 (``cty``): libraries that unwrap what they did not verify.
    """
    inner = tenant.token("read:users")
    for header in (tenant.header(cty="JWT"), tenant.header()):
        await target.refuses(MalformedToken, token=compact(header, inner, tenant.key))
        await target.refuses(MalformedToken, token=compact(header, f'"{inner}"', tenant.key))


async def test_json_serialisation_is_refused(target: Target, tenant: Tenant) -> None:
    """The same token written as JSON, and texts that are compact and JSON at once.

    Seen: python-jwt, CVE-2022-39227 (one library took the claims of the one, the signature of the
    other).
    """
    header, payload, signature = tenant.token("read:users").split(".")
    flat = json.dumps({"protected": header, "payload": payload, "signature": signature})
    general = json.dumps(
        {"payload": payload, "signatures": [{"protected": header, "signature": signature}]}
    )
    forged = b64url(as_bytes(tenant.claims("read:users", sub="kp_forged")))
    polyglot = f'{{"{header}.{forged}.":"","protected":"{header}","payload":"{payload}"}}'
    for text in (flat, general, polyglot, f"{header}.{forged}.{signature}.{flat}"):
        await target.refuses(MalformedToken, token=text)


async def test_token_without_a_signature_is_refused(target: Target, tenant: Tenant) -> None:
    """A token whose signature was cut off, with its dot and without.

    Seen: FusionAuth JWT, issue 3 (no signature, no check); Auth0, "Critical vulnerabilities in
    JSON Web Token libraries", 2015.
    """
    header, payload, signature = tenant.token("read:users").split(".")
    # An empty payload is not looked at before the signature.
    for text in (f"{header}.{payload}.", f"{header}.."):
        await target.refuses(InvalidSignature, token=text)
    for text in (f"{header}.{payload}", f"{payload}.{signature}", f".{payload}."):
        await target.refuses(MalformedToken, token=text)


@pytest.mark.parametrize("crit", [["bork"], ["b64"], ["exp"], [], ["kid", "alg"], "bork", None, {}])
async def test_critical_extension_is_refused(crit: Any, target: Target, tenant: Tenant) -> None:
    """A header that says it must be understood, by a reader who does not understand it.

    Seen: Authlib, CVE-2025-59420; PyJWT, CVE-2026-32597; python-jose, issue 413.
    """
    header = {"crit": crit, "bork": 1}
    await target.refuses(MalformedToken, token=tenant.token("read:users", header=header))


@pytest.mark.parametrize("b64", [False, None, 0, "false"])
async def test_payload_that_is_said_to_be_unencoded_is_refused(
    b64: Any, target: Target, tenant: Tenant
) -> None:
    """A header that says that the payload is no base64url, without calling that critical.

    Seen: RFC 7797, sections 7 and 8 (two readers see two payloads; not for JWTs).
    """
    await target.refuses(MalformedToken, token=tenant.token("read:users", header={"b64": b64}))


@pytest.mark.parametrize(
    "kind",
    [
        "JOSE",
        "jwe",
        "logout+jwt",
        "secevent+jwt",
        "dpop+jwt",
        "id_token",
        "refresh",
        "",
        "JWT ",
        1,
        None,
        ["JWT"],
        "application/json",
        "text/jwt",
        "at+jwt,jwt",
    ],
)
async def test_token_of_another_type_is_refused(kind: Any, target: Target, tenant: Tenant) -> None:
    """A JWT that the right key signed for another use, and that says so.

    Seen: RFC 8725, sections 2.8 and 3.11 (explicit typing).
    """
    await target.refuses(MalformedToken, token=tenant.token("read:users", header={"typ": kind}))


@pytest.mark.parametrize("place", ["header-first", "header-last", "payload"])
async def test_member_that_stands_twice_is_refused(
    place: str, target: Target, tenant: Tenant
) -> None:
    """Two members of one name, of which two readers take different ones.

    Seen: RFC 7515, section 4, and RFC 8725, section 2.4; python-jwt, CVE-2022-39227.
    """
    header = as_bytes(tenant.header())
    claims = as_bytes(tenant.claims("read:users"))
    match place:
        case "header-first":
            header = header.replace(b"{", b'{"alg":"none",', 1)
        case "header-last":
            header = header[:-1] + b',"kid":"other"}'
        case _:
            claims = claims[:-1] + b',"scope":"admin"}'
    await target.refuses(MalformedToken, token=compact(header, claims, tenant.key))


@pytest.mark.parametrize(
    "text",
    ["k_live_0123456789abcdef", "null", "undefined", "true", "{}", "[]", "0", "..", "...", "a.b.c"],
)
async def test_what_is_no_token_is_refused(text: str, target: Target) -> None:
    """A Kinde API key, a refresh token, the word null.

    Seen: callers that send what they have; front ends that send ``Bearer undefined``.
    """
    await target.refuses(MalformedToken, token=text)


async def test_token_has_one_spelling(target: Target, tenant: Tenant) -> None:
    """The same token in another spelling of base64, which deny lists would not know.

    Seen: RFC 4648, sections 3.3 and 3.5; lists of revoked tokens kept by their text.
    """
    token = tenant.token("read:users", note="??>>~~")
    header, payload, signature = token.split(".")
    spellings = [
        f"{header}.{payload}.{signature}=",
        f"{header}.{payload}.{signature}==",
        f"{header}=.{payload}.{signature}",
        f"{header}.{payload}.{_with_stray_bits(signature)}",
        f"{header}.{base64.b64encode(_decoded(payload)).decode().rstrip('=')}.{signature}",
        f"{header}.{payload}.{signature[:10]} {signature[10:]}",
        f"{header}.{payload}.{signature}.",
        f".{header}.{payload}.{signature}",
        f"{header}.{payload}\n.{signature}",
    ]
    await target.lets_in(token=token)
    for spelling in spellings:
        assert spelling != token
        await target.refuses(MalformedToken, token=spelling)


def _decoded(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "==")


def _with_stray_bits(segment: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    changed = segment[:-1] + alphabet[alphabet.index(segment[-1]) + 1]
    if _decoded(changed) != _decoded(segment):
        raise ValueError("the last character encodes nothing but whole bytes")
    return changed


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"exp": OMIT}, InvalidClaim),
        ({"sub": {"id": "kp_1"}}, InvalidClaim),
        ({"azp": ["a", "b"]}, InvalidClaim),
        ({"org_code": True}, InvalidClaim),
        ({"org_code": None}, InvalidClaim),
    ],
)
async def test_identity_that_is_no_text_is_refused(
    claims: dict[str, Any], error: type[GuardError], target: Target, tenant: Tenant
) -> None:
    """A subject, an application or an organization that is no text and equals something odd.

    Seen: jsonwebtoken, CVE-2022-23529 (an object where a text was meant; withdrawn since).
    """
    await target.refuses(error, token=tenant.token("read:users", **claims))
