"""The token says where its key is to be found, or brings it along."""

from __future__ import annotations

from typing import Any

import pytest

from kinde_guard import InvalidSignature, KeySet, MalformedToken, UnknownKey, UnsupportedAlgorithm
from tests.attack.bypass.target import MakeGuard, Target
from tests.mint import (
    JWKS_URL,
    KID,
    OMIT,
    KeyServer,
    SigningKey,
    Tenant,
    b64url,
    compact,
    hmac_signature,
    jwks,
)

pytestmark = pytest.mark.anyio

EVIL = "https://keys.evil.example/jwks.json"


def _fetched(key_server: KeyServer) -> list[str]:
    return [str(request.url) for request in key_server.requests]


@pytest.mark.parametrize("kid", [KID, "stranger"])
@pytest.mark.parametrize("member", ["jwk", "x5c", "jku", "x5u", "x5t", "x5t#S256", "keys"])
async def test_key_in_the_header_is_not_looked_at(
    member: str,
    kid: str,
    target: Target,
    tenant: Tenant,
    key_server: KeyServer,
    other_key: SigningKey,
) -> None:
    """A header that brings its own key, or says where the key is to be fetched.

    Seen: node-jose, CVE-2018-0114 (``jwk``); IdentityModel, CVE-2024-21643 (``jku``); PortSwigger,
    "JWT header parameter injections".
    """
    stranger = other_key.renamed(kid)
    brought: dict[str, Any] = {
        "jwk": stranger.jwk(),
        "x5c": [b64url(stranger.public_pem)],
        "keys": [stranger.jwk()],
    }
    header = {member: brought.get(member, EVIL)}
    error = InvalidSignature if kid == KID else UnknownKey
    await target.refuses(error, token=tenant.token("read:users", key=stranger, header=header))
    assert _fetched(key_server) == [JWKS_URL]


#: Key ids that are more than a name to whoever puts them into a path, a query or a command.
INJECTIONS = {
    "path": "../../../../dev/null",
    "path-encoded": "..%2f..%2fdev%2fnull",
    "url": EVIL,
    "url-tail": f"@keys.evil.example/{KID}",
    "sql": f"x' UNION SELECT 'secret' WHERE '{KID}'='{KID}",
    "command": f"{KID}|curl evil.example",
    "template": "{{7*7}}${7*7}%s{kid}",
    "null": f"{KID}\0",
    "line": f"{KID}\n",
    "space": f" {KID}",
    "upper-case": KID.upper(),
    "prefix": KID[:-1],
    "suffix": f"{KID}0",
    "wildcard": "*",
    "expression": ".*",
    "first": "0",
    "empty": "",
    "look-alike": KID.replace("a", "\u0430"),
    "full-width": KID.replace(":", "\uff1a"),
    "combining": f"{KID}\u0301",
    "dunder": "__class__",
    "prototype": "__proto__",
    "true": "true",
}


@pytest.mark.parametrize("kid", INJECTIONS.values(), ids=INJECTIONS)
async def test_key_id_is_a_name_and_nothing_else(
    kid: str, target: Target, tenant: Tenant, key_server: KeyServer
) -> None:
    """A key id that is a path, an address, a query, a pattern or a look-alike.

    Seen: PortSwigger, "Injecting self-signed JWTs via the kid parameter"; tokens signed with the
    empty content of /dev/null.
    """
    token = compact(
        tenant.header(kid=kid),
        tenant.claims("read:users"),
        tenant.key,
    )
    await target.refuses(UnknownKey, token=token)
    assert _fetched(key_server) == [JWKS_URL]


@pytest.mark.parametrize("kid", [None, 0, 1.5, True, [KID], {"kid": KID}, [[KID]]])
async def test_key_id_that_is_no_text_is_refused(
    kid: object, target: Target, tenant: Tenant, key_server: KeyServer
) -> None:
    """A key id of another type, which a look-up might hash, iterate or print.

    Seen: fast-jwt, CVE-2025-30144 (an array where a text was meant; there it was the issuer).
    """
    token = compact(tenant.header(kid=kid), tenant.claims("read:users"), tenant.key)
    await target.refuses(MalformedToken, token=token)
    assert key_server.fetches == 0


async def test_token_without_a_key_id_is_not_tried_with_the_only_key(
    target: Target, tenant: Tenant, key_server: KeyServer
) -> None:
    """A token without a key id, for which some take the only key, or the first.

    Seen: examples that take ``keys[0]``; RFC 7515, section 4.1.4, which leaves it to the reader.
    """
    await target.refuses(UnknownKey, token=tenant.token("read:users", header={"kid": OMIT}))
    assert key_server.fetches == 0


async def test_symmetric_key_in_the_key_set_verifies_nothing(
    target: Target, tenant: Tenant, key_server: KeyServer
) -> None:
    """A symmetric key that a tenant published by mistake, used for HS256.

    Seen: python-jose, issue 274; RFC 8725, section 2.1.
    """
    secret = b"published by mistake, 32 bytes.."
    oct_key = {"kty": "oct", "kid": "oct", "use": "sig", "alg": "HS256", "k": b64url(secret)}
    key_server.publish(tenant.key, oct_key)
    for alg, error in (("HS256", UnsupportedAlgorithm), ("RS256", UnknownKey)):
        token = compact(
            tenant.header(alg=alg, kid="oct"),
            tenant.claims("read:users"),
            sign=lambda data: hmac_signature(secret, data),
        )
        await target.refuses(error, token=token)
    assert len(KeySet.from_jwks(jwks(tenant.key, oct_key))) == 1


@pytest.mark.parametrize("use", ["enc", "none", ["sig"]])
async def test_key_for_encryption_verifies_no_signature(
    use: object, target: Target, tenant: Tenant, key_server: KeyServer, other_key: SigningKey
) -> None:
    """A signature made with a key that was published for encryption.

    Seen: NIST SP 800-57, 5.2 (one key, one use); RFC 7517, section 4.2.
    """
    key_server.publish(tenant.key, other_key.jwk(use=use))
    await target.refuses(UnknownKey, token=tenant.token("read:users", key=other_key))


async def test_two_keys_of_one_id_do_not_vouch_for_a_third(
    target: Target, tenant: Tenant, key_server: KeyServer, other_key: SigningKey
) -> None:
    """A stranger's key under an id that two published keys share.

    Seen: python-jose, issue 274 (every key of a set is tried, whatever it is for).
    """
    twin = other_key.renamed(KID)
    key_server.publish(tenant.key, twin)
    stranger = SigningKey.rsa(KID)
    await target.refuses(InvalidSignature, token=tenant.token("read:users", key=stranger))
    await target.lets_in(token=tenant.token("read:users", key=twin))


@pytest.mark.parametrize("bits", [1024, 2040])
async def test_key_too_short_to_be_trusted_is_not_used(
    bits: int, make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    """An RSA key short enough to be factored.

    Seen: PyJWT, CVE-2025-45768 (no least length; disputed); RFC 7518, section 3.3.
    """
    short = SigningKey.rsa("short", bits=bits)
    key_server.publish(tenant.key, short)
    target = Target(make_guard())
    await target.refuses(UnknownKey, token=tenant.token("read:users", key=short))
