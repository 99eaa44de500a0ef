"""The token chooses its algorithm, and with it how its signature is looked at."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization

from kinde_guard import KeySet, UnsupportedAlgorithm, verify_signature
from tests.attack.bypass.target import MakeGuard, Target
from tests.mint import OMIT, KeyServer, SigningKey, Tenant, compact, hmac_signature, jwks

pytestmark = pytest.mark.anyio

#: What settings allow at most.
EVERY_ALGORITHM = [
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
]


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", " none", "none ", "", "null"])
@pytest.mark.parametrize("signed", ["unsigned", "signed"])
async def test_token_without_algorithm_is_refused(
    alg: str, signed: str, target: Target, tenant: Tenant
) -> None:
    """A token of ``alg: none``, in any spelling, with and without a signature.

    Seen: many libraries in 2015 (McLean); Auth0's own API in 2020 (``nonE``); DP-3T,
    CVE-2020-15957.
    """
    header, claims = tenant.header(alg=alg), tenant.claims("read:users")
    token = compact(header, claims, tenant.key if signed == "signed" else None, alg="RS256")
    await target.refuses(UnsupportedAlgorithm, token=token)


def _spellings(key: SigningKey) -> dict[str, bytes]:
    public = key.private.public_key()
    subject = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = public.public_bytes(serialization.Encoding.PEM, subject)
    der = public.public_bytes(serialization.Encoding.DER, subject)
    ssh = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    jwk = json.dumps(key.jwk()).encode()
    return {
        "pem": pem,
        "pem-stripped": pem.strip(),
        "pem-after-space": b" " + pem,
        "pem-after-line": b"\n" + pem,
        "pem-crlf": pem.replace(b"\n", b"\r\n"),
        "der": der,
        "der-base64": base64.b64encode(der),
        "openssh": ssh,
        "jwk": jwk,
        "jwk-set": json.dumps(jwks(key)).encode(),
        "material": str(key.jwk().get("n", key.jwk().get("x"))).encode(),
        "empty": b"",
    }


@pytest.mark.parametrize("kind", ["RSA", "EC", "OKP"])
async def test_public_key_as_hmac_secret_is_refused(
    kind: str, make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer, ec_key: SigningKey
) -> None:
    """HS256 with the published key as its secret, in every spelling of the key.

    Seen: jsonwebtoken, CVE-2015-9235; PyJWT, CVE-2017-11424 and CVE-2022-29217; python-jose,
    CVE-2024-33663; Authlib, CVE-2024-37568; fast-jwt, CVE-2023-48223 and CVE-2026-34950.
    """
    keys = {"RSA": tenant.key, "EC": ec_key, "OKP": SigningKey.ed25519("ed")}
    key = keys[kind]
    key_server.publish(key)
    target = Target(make_guard(algorithms=EVERY_ALGORITHM))
    for secret in _spellings(key).values():
        for alg in ("HS256", "HS384", "HS512", "hs256"):
            token = compact(
                {"alg": alg, "kid": key.kid, "typ": "JWT"},
                tenant.claims("read:users"),
                sign=lambda data, secret=secret: hmac_signature(secret, data),  # type: ignore[misc]
            )
            await target.refuses(UnsupportedAlgorithm, token=token)
    await target.lets_in(token=tenant.token("read:users", key=key))


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256", "PS384", "PS512"])
async def test_algorithm_other_than_that_of_the_key_is_refused(
    alg: str, make_guard: MakeGuard, tenant: Tenant
) -> None:
    """An allowed algorithm that is not the one which the key was published for.

    Seen: PyJWT with PyJWK, CVE-2026-48523; php-jwt, CVE-2021-46743; python-jose, issue 274;
    lestrrat-go/jwx before 1.2.0.
    """
    target = Target(make_guard(algorithms=EVERY_ALGORITHM))
    await target.refuses(
        UnsupportedAlgorithm, token=tenant.token("read:users", key=tenant.key.using(alg))
    )


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256", "ES256", "EdDSA"])
async def test_key_for_an_algorithm_that_is_not_allowed_is_refused(
    alg: str, target: Target, tenant: Tenant, key_server: KeyServer, ec_key: SigningKey
) -> None:
    """A right signature by a published key, with an algorithm that the settings do not allow.

    Seen: PyJWT with PyJWK, CVE-2026-48523 (the allowed algorithms were not those that were used).
    """
    keys = {"ES256": ec_key, "EdDSA": SigningKey.ed25519("ed")}
    key = keys.get(alg, tenant.key.using(alg))
    key_server.publish(key)
    await target.refuses(UnsupportedAlgorithm, token=tenant.token("read:users", key=key))


@pytest.mark.parametrize("alg", ["HS256", "ES256", "EdDSA", "none", "RS1"])
async def test_key_without_algorithm_serves_its_own_kind_alone(
    alg: str, make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    """A published key without ``alg``, where the token's header fills the gap.

    Seen: Hono's JWK middleware, CVE-2026-22817.
    """
    key_server.publish(tenant.key.jwk(alg=OMIT))
    target = Target(make_guard(algorithms=EVERY_ALGORITHM))
    secret = tenant.key.public_pem
    token = compact(
        tenant.header(alg=alg),
        tenant.claims("read:users"),
        sign=lambda data: hmac_signature(secret, data),
    )
    await target.refuses(UnsupportedAlgorithm, token=token)
    await target.lets_in(token=tenant.token("read:users"))


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "PS256", "RS256"])
async def test_key_of_another_kind_under_the_tokens_kid_is_refused(
    alg: str, make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    """A stranger's RSA signature under the key id of an elliptic curve key, and the reverse.

    Seen: lestrrat-go/jwx before 1.2.0; python-jose, issue 274 (a set of keys of mixed kinds).
    """
    curve, stranger = SigningKey.ec("mixed", alg="ES384"), tenant.key.renamed("mixed")
    key_server.publish(curve, tenant.key)
    target = Target(make_guard(algorithms=EVERY_ALGORITHM))
    token = tenant.token("read:users", key=stranger, header={"alg": alg})
    await target.refuses(UnsupportedAlgorithm, token=token)


@pytest.mark.parametrize("alg", ["rs256", "RS256 ", "RS-256", "SHA256withRSA", "RS256,none", "RS"])
async def test_odd_spelling_of_an_algorithm_is_refused(
    alg: str, target: Target, tenant: Tenant
) -> None:
    """The right algorithm in another spelling, with a signature that is right.

    Seen: Auth0's own API in 2020, where a filter and a reader disagreed on upper case.
    """
    token = compact(tenant.header(alg=alg), tenant.claims("read:users"), tenant.key, alg="RS256")
    await target.refuses(UnsupportedAlgorithm, token=token)


@pytest.mark.parametrize("allowed", ["RS256", "PS256 RS256", "RS256,PS256"])
@pytest.mark.parametrize("alg", ["S256", "RS", "", "256", "PS256"])
def test_text_of_algorithms_is_no_wildcard(alg: str, allowed: str, tenant: Tenant) -> None:
    """A part of an algorithm's name, where the allowed ones were given as one text.

    Seen: PyJWT 2.10.0, CVE-2024-53861 (``in`` on a text finds parts; there it was the issuer).
    """
    keys = KeySet.from_jwks(jwks(tenant.key))
    token = compact(tenant.header(alg=alg), tenant.claims(), tenant.key, alg="RS256")
    with pytest.raises(UnsupportedAlgorithm):
        verify_signature(token, keys, allowed)
