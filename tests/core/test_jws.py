"""Compact JWS, read strictly (RFC 7515 sections 5.2, 7.1 and 10.12), and its signature."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from kinde_guard import (
    GuardError,
    InvalidSignature,
    InvalidToken,
    KeySet,
    KindeGuard,
    MalformedToken,
    SignedToken,
    UnknownKey,
    UnsupportedAlgorithm,
    verify_signature,
)
from tests.core.conftest import MakeGuard
from tests.mint import (
    KID,
    OMIT,
    KeyServer,
    SigningKey,
    Tenant,
    b64url,
    compact,
    hmac_signature,
    jwks,
    sealed,
)

pytestmark = pytest.mark.anyio

RS256 = ("RS256",)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture
def keys(key: SigningKey) -> KeySet:
    return KeySet.from_jwks(jwks(key))


def _segments(token: str) -> list[str]:
    return token.split(".")


def _uncanonical(segment: str) -> str:
    """Set an unused trailing bit: the same bytes, spelt another way."""
    if len(segment) % 4 == 0:
        raise AssertionError("this segment has no unused bits")
    last = ALPHABET[ALPHABET.index(segment[-1]) | 1]
    changed = segment[:-1] + last
    pad = "=" * (-len(segment) % 4)
    same = base64.urlsafe_b64decode(changed + pad) == base64.urlsafe_b64decode(segment + pad)
    if changed == segment or not same:
        raise AssertionError("nothing was changed")
    return changed


def _ragged(make: Callable[[str], str]) -> str:
    """Return the first segment with unused bits among paddings of different lengths."""
    return next(segment for n in range(3) if len(segment := make("x" * n)) % 4)


# --- what is well formed -------------------------------------------------------------------------


def test_signed_token_gives_its_header_payload_and_key(keys: KeySet, tenant: Tenant) -> None:
    token = tenant.token("read:users")
    signed = verify_signature(token, keys, RS256)

    assert isinstance(signed, SignedToken)
    assert signed.header == {"alg": "RS256", "kid": KID, "typ": "JWT"}
    assert json.loads(signed.payload) == tenant.claims("read:users")
    assert signed.key in keys.find(KID)


def test_signed_token_cannot_be_changed(keys: KeySet, tenant: Tenant) -> None:
    signed = verify_signature(tenant.token(), keys, RS256)
    for name in ("header", "payload", "key"):
        with pytest.raises(FrozenInstanceError):
            setattr(signed, name, None)


@pytest.mark.parametrize("before", [b"", b"\0", b"\0\0"], ids=len)
def test_segment_may_end_in_every_character_that_its_length_allows(
    before: bytes, keys: KeySet, key: SigningKey
) -> None:
    last = set()
    for number in range(64):
        payload = before + bytes([number])
        token = compact({"alg": "RS256", "kid": KID}, payload, key)
        assert verify_signature(token, keys, RS256).payload == payload
        last.add(_segments(token)[1][-1])
    assert len(last) == {0: 4, 1: 16, 2: 64}[len(before)]


@pytest.mark.parametrize("algorithms", [(), ("ES256",), ("RS512", "PS256"), ("rs256",)])
def test_algorithm_that_is_not_asked_for_is_unsupported_whatever_the_key(
    algorithms: tuple[str, ...], keys: KeySet, tenant: Tenant
) -> None:
    with pytest.raises(UnsupportedAlgorithm):
        verify_signature(tenant.token(), keys, algorithms)


def test_bytes_and_text_are_the_same_token(keys: KeySet, tenant: Tenant) -> None:
    token = tenant.token()
    assert (
        verify_signature(token, keys, RS256).payload
        == verify_signature(token.encode(), keys, RS256).payload
    )


def test_payload_of_other_bytes_than_json_is_returned_as_it_is(
    keys: KeySet, key: SigningKey
) -> None:
    token = compact({"alg": "RS256", "kid": KID}, b"\x00\xff no json", key)
    assert verify_signature(token, keys, RS256).payload == b"\x00\xff no json"


BILBO = "bilbo.baggins@hobbiton.example"
SAYING = (
    "It\u2019s a dangerous business, Frodo, going out your door. You step onto the road, and if "
    "you don't keep your feet, there\u2019s no knowing where you might be swept off to."
)


def test_rfc_7520_section_4_1_rsa_signature_verifies() -> None:
    jwk = {
        "kty": "RSA",
        "kid": BILBO,
        "use": "sig",
        "n": "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZ"
        "QHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFE"
        "HYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVT"
        "U4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw",
        "e": "AQAB",
    }
    signature = (
        "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83"
        "xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJ"
        "Dt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12"
        "podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg"
    )
    token = f"{b64url(json.dumps({'alg': 'RS256', 'kid': BILBO}, separators=(',', ':')).encode())}"
    token += f".{b64url(SAYING.encode())}.{signature}"

    signed = verify_signature(token, KeySet.from_jwks({"keys": [jwk]}), RS256)
    assert signed.payload.decode() == SAYING


def test_rfc_7520_section_4_3_ecdsa_signature_verifies() -> None:
    jwk = {
        "kty": "EC",
        "kid": BILBO,
        "use": "sig",
        "crv": "P-521",
        "x": "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5c"
        "j0Kt",
        "y": "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-Hq"
        "HZR1",
    }
    signature = (
        "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJ"
        "AQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2"
    )
    token = f"{b64url(json.dumps({'alg': 'ES512', 'kid': BILBO}, separators=(',', ':')).encode())}"
    token += f".{b64url(SAYING.encode())}.{signature}"

    signed = verify_signature(token, KeySet.from_jwks({"keys": [jwk]}), ("ES512",))
    assert signed.payload.decode() == SAYING


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_every_rsa_algorithm_verifies_and_refuses_a_changed_payload(
    alg: str, key: SigningKey
) -> None:
    signer = key.using(alg)
    keys = KeySet.from_jwks(jwks(signer))
    token = compact({"alg": alg, "kid": KID}, b"payload", signer)

    assert verify_signature(token, keys, (alg,)).payload == b"payload"
    header, _, signature = _segments(token)
    with pytest.raises(InvalidSignature):
        verify_signature(f"{header}.{b64url(b'Payload')}.{signature}", keys, (alg,))


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512"])
def test_every_ecdsa_algorithm_verifies_and_refuses_a_changed_payload(alg: str) -> None:
    signer = SigningKey.ec("curve", alg=alg)
    keys = KeySet.from_jwks(jwks(signer))
    token = compact({"alg": alg, "kid": "curve"}, b"payload", signer)

    assert verify_signature(token, keys, (alg,)).payload == b"payload"
    header, _, signature = _segments(token)
    with pytest.raises(InvalidSignature):
        verify_signature(f"{header}.{b64url(b'Payload')}.{signature}", keys, (alg,))


def test_eddsa_verifies_and_refuses_a_changed_payload() -> None:
    signer = SigningKey.ed25519("edwards")
    keys = KeySet.from_jwks(jwks(signer))
    token = compact({"alg": "EdDSA", "kid": "edwards"}, b"payload", signer)

    assert verify_signature(token, keys, ("EdDSA",)).payload == b"payload"
    header, _, signature = _segments(token)
    with pytest.raises(InvalidSignature):
        verify_signature(f"{header}.{b64url(b'Payload')}.{signature}", keys, ("EdDSA",))


TYPES_OF_ACCESS_TOKENS = [
    OMIT,
    "JWT",
    "jwt",
    "Jwt",
    "at+jwt",
    "AT+JWT",
    "application/at+jwt",
    "Application/AT+JWT",
    "application/jwt",
]


@pytest.mark.parametrize("typ", TYPES_OF_ACCESS_TOKENS, ids=str)
async def test_typ_of_an_access_token_is_accepted(
    typ: object, guard: KindeGuard, tenant: Tenant
) -> None:
    # RFC 7515 section 4.1.9: case does not count, and "application/" may be left out.
    token = compact(tenant.header(typ=typ), tenant.claims("a"), tenant.key)
    assert (await guard.verify(token)).scopes == {"a"}


@pytest.mark.parametrize(
    "typ",
    [
        "",
        " JWT",
        "JWT ",
        "JWS",
        "JOSE",
        "id+jwt",
        "at+jwt;v=1",
        "at-jwt",
        "+jwt",
        "secevent+jwt",
        "logout+jwt",
        "dpop+jwt",
        "application/",
        "application/application/jwt",
        "text/jwt",
        "\u212awt",
        5,
        True,
        None,
        ["JWT"],
        {"typ": "JWT"},
    ],
    ids=repr,
)
async def test_any_other_typ_gives_malformed_token(
    typ: object, guard: KindeGuard, tenant: Tenant
) -> None:
    token = compact(tenant.header(typ=typ), tenant.claims(), tenant.key)
    with pytest.raises(MalformedToken):
        await guard.verify(token)


# --- what is malformed ---------------------------------------------------------------------------

Spoil = Callable[[Tenant], str]


def _resigned(change: Callable[[str, str], tuple[str, str]]) -> Spoil:
    """Spoil the text of header or payload and sign the result, so that only strictness helps."""

    def spoil(tenant: Tenant) -> str:
        header, payload, _ = _segments(tenant.token())
        return sealed(*change(header, payload), tenant.key)

    return spoil


def _respelt(change: Callable[[str, str, str], str]) -> Spoil:
    def spoil(tenant: Tenant) -> str:
        header, payload, signature = _segments(tenant.token())
        return change(header, payload, signature)

    return spoil


def _ragged_header(tenant: Tenant) -> str:
    segment = _ragged(lambda pad: _segments(tenant.token(header={"pad": pad}))[0])
    payload = _segments(tenant.token())[1]
    return sealed(_uncanonical(segment), payload, tenant.key)


def _ragged_payload(tenant: Tenant) -> str:
    segment = _ragged(lambda pad: _segments(tenant.token(pad=pad))[1])
    header = _segments(tenant.token())[0]
    return sealed(header, _uncanonical(segment), tenant.key)


SHAPES: dict[str, Spoil] = {
    "empty": lambda tenant: "",
    "one-segment": _respelt(lambda header, payload, signature: header),
    "two-segments": _respelt(lambda header, payload, signature: f"{header}.{payload}"),
    "four-segments": _respelt(lambda *segments: ".".join([*segments, "AAAA"])),
    "five-segments-of-a-jwe": lambda tenant: "AAAA.AAAA.AAAA.AAAA.AAAA",
    "empty-header": _respelt(lambda header, payload, signature: f".{payload}.{signature}"),
    "only-dots": lambda tenant: "..",
    "leading-dot": _respelt(lambda *segments: "." + ".".join(segments)),
    "padded-header": _resigned(lambda header, payload: (header + "=", payload)),
    "padded-payload": _resigned(lambda header, payload: (header, payload + "==")),
    "padded-signature": _respelt(lambda *segments: ".".join(segments) + "=="),
    "header-with-unused-bits-set": _ragged_header,
    "payload-with-unused-bits-set": _ragged_payload,
    "signature-with-unused-bits-set": _respelt(
        lambda header, payload, signature: f"{header}.{payload}.{_uncanonical(signature)}"
    ),
    "segment-of-an-impossible-length": _respelt(
        lambda header, payload, signature: f"{header}.{payload}.{signature[:-1]}"
    ),
    "plus-in-a-segment": _resigned(lambda header, payload: (header, payload[:-4] + "ab+d")),
    "slash-in-a-segment": _resigned(lambda header, payload: (header, payload[:-4] + "ab/d")),
    "space-in-a-segment": _resigned(lambda header, payload: (header, payload + " ")),
    "newline-in-a-segment": _resigned(lambda header, payload: (header, payload + "\n")),
    "trailing-newline": _respelt(lambda *segments: ".".join(segments) + "\n"),
    "trailing-space": _respelt(lambda *segments: ".".join(segments) + " "),
    "leading-space": _respelt(lambda *segments: " " + ".".join(segments)),
    "nul-byte": _respelt(lambda *segments: ".".join(segments) + "\x00"),
    "letter-outside-ascii": _respelt(lambda *segments: ".".join(segments)[:-1] + "\u00e9"),
    "letter-outside-latin-1": _respelt(lambda *segments: ".".join(segments)[:-1] + "\u2603"),
    "lone-surrogate-in-the-text": _respelt(lambda *segments: ".".join(segments) + "\ud800"),
    "fullwidth-dot": _respelt(lambda *segments: "\uff0e".join(segments)),
    "json-serialisation": lambda tenant: json.dumps({"payload": "AA", "signatures": []}),
    "bearer-in-the-token": _respelt(lambda *segments: "Bearer " + ".".join(segments)),
}


@pytest.mark.parametrize("spoil", SHAPES.values(), ids=SHAPES)
def test_shape_that_is_no_strict_compact_jws_gives_malformed_token(
    spoil: Spoil, keys: KeySet, tenant: Tenant
) -> None:
    with pytest.raises(MalformedToken):
        verify_signature(spoil(tenant), keys, RS256)


@pytest.mark.parametrize("spoil", SHAPES.values(), ids=SHAPES)
async def test_shape_that_is_no_strict_compact_jws_costs_no_fetch(
    spoil: Spoil, guard: KindeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    with pytest.raises(MalformedToken):
        await guard.verify(spoil(tenant))
    assert key_server.fetches == 0


async def test_empty_signature_gives_invalid_signature(guard: KindeGuard, tenant: Tenant) -> None:
    header, payload, _ = _segments(tenant.token("read:users"))
    with pytest.raises(InvalidSignature):
        await guard.verify(f"{header}.{payload}.")


async def test_signed_empty_payload_is_malformed_as_an_access_token(
    guard: KindeGuard, tenant: Tenant
) -> None:
    with pytest.raises(MalformedToken):
        await guard.verify(compact(tenant.header(), b"", tenant.key))


def test_text_that_is_no_utf8_as_bytes_gives_malformed_token(keys: KeySet, tenant: Tenant) -> None:
    with pytest.raises(MalformedToken):
        verify_signature(tenant.token().encode() + b"\xff", keys, RS256)


HEAD = f'"alg":"RS256","kid":"{KID}"'
NOT_OBJECTS: dict[str, bytes] = {
    "array": b'["alg","RS256"]',
    "string": b'"RS256"',
    "number": b"5",
    "null": b"null",
    "true": b"true",
    "no-json": b"alg=RS256",
    "empty-text": b" ",
    "cut-off": f"{{{HEAD}".encode(),
    "trailing-comma": f"{{{HEAD},}}".encode(),
    "two-objects": f"{{{HEAD}}}{{}}".encode(),
    "trailing-garbage": f"{{{HEAD}}} x".encode(),
    "trailing-nul": f"{{{HEAD}}}\0".encode(),
    "single-quotes": b"{'alg':'RS256'}",
    "comment": f"{{{HEAD}/* */}}".encode(),
    "duplicate-alg": f'{{"alg":"none",{HEAD}}}'.encode(),
    "duplicate-alg-after": f'{{{HEAD},"alg":"none"}}'.encode(),
    "duplicate-kid": f'{{{HEAD},"kid":"{KID}"}}'.encode(),
    "duplicate-spelt-with-an-escape": f'{{{HEAD},"\\u0061lg":"RS256"}}'.encode(),
    "duplicate-nested": f'{{{HEAD},"jwk":{{"a":1,"a":1}}}}'.encode(),
    "duplicate-in-an-array": f'{{{HEAD},"x":[{{"a":1,"a":2}}]}}'.encode(),
    "nan": f'{{{HEAD},"x":NaN}}'.encode(),
    "infinity": f'{{{HEAD},"x":Infinity}}'.encode(),
    "minus-infinity": f'{{{HEAD},"x":[-Infinity]}}'.encode(),
    "overflowing-float": f'{{{HEAD},"x":1e999}}'.encode(),
    "overflowing-negative-float": f'{{{HEAD},"x":-1e999}}'.encode(),
    "integer-of-5000-digits": f'{{{HEAD},"x":{"9" * 5000}}}'.encode(),
    "nested-arrays": f'{{{HEAD},"x":{"[" * 40}{"]" * 40}}}'.encode(),
    "nested-objects": ('{"x":' * 40 + f"{{{HEAD}}}" + "}" * 40).encode(),
    "nested-deeper-than-the-stack": f'{{{HEAD},"x":{"[" * 3000}{"]" * 3000}}}'.encode(),
    "nested-and-cut-off": f'{{{HEAD},"x":{"[" * 4000}'.encode(),
    "invalid-utf8": f'{{{HEAD},"x":"'.encode() + b'\xff"}',
    "utf8-overlong": f'{{{HEAD},"x":"'.encode() + b'\xc0\xaf"}',
    "utf8-surrogate": f'{{{HEAD},"x":"'.encode() + b'\xed\xa0\x80"}',
    "utf-8-bom": b"\xef\xbb\xbf" + f"{{{HEAD}}}".encode(),
    "utf-16": f"{{{HEAD}}}".encode("utf-16"),
    "utf-32": f"{{{HEAD}}}".encode("utf-32-le"),
    "raw-control-character": f'{{{HEAD},"x":"\n"}}'.encode(),
}


@pytest.mark.parametrize("header", NOT_OBJECTS.values(), ids=NOT_OBJECTS)
def test_header_that_is_no_strict_json_object_gives_malformed_token(
    header: bytes, keys: KeySet, key: SigningKey
) -> None:
    with pytest.raises(MalformedToken):
        verify_signature(compact(header, b"{}", key), keys, RS256)


@pytest.mark.parametrize("payload", NOT_OBJECTS.values(), ids=NOT_OBJECTS)
async def test_signed_payload_that_is_no_strict_json_object_gives_malformed_token(
    payload: bytes, guard: KindeGuard, tenant: Tenant
) -> None:
    with pytest.raises(MalformedToken):
        await guard.verify(compact(tenant.header(), payload, tenant.key))


async def test_duplicate_claim_gives_malformed_token_whichever_is_good(
    guard: KindeGuard, tenant: Tenant
) -> None:
    claims = json.dumps(tenant.claims())[1:-1]
    for payload in (f'{{{claims},"exp":1}}', f'{{"exp":1,{claims}}}'):
        with pytest.raises(MalformedToken):
            await guard.verify(compact(tenant.header(), payload, tenant.key))


async def test_duplicate_member_inside_a_claim_gives_malformed_token(
    guard: KindeGuard, tenant: Tenant
) -> None:
    claims = json.dumps(tenant.claims())[1:-1]
    payload = f'{{{claims},"feature_flags":{{"x":{{"t":"b","t":"s"}}}}}}'
    with pytest.raises(MalformedToken):
        await guard.verify(compact(tenant.header(), payload, tenant.key))


@pytest.mark.parametrize("escape", ["\\ud800", "\\udc00\\ud800", "x\\udfff"])
@pytest.mark.parametrize("claim", ["sub", "azp", "jti", "scope", "note"])
async def test_lone_surrogate_in_a_claim_is_refused(
    claim: str, escape: str, guard: KindeGuard, tenant: Tenant
) -> None:
    claims = json.dumps(tenant.claims(**{claim: OMIT}))[1:-1]
    payload = f'{{{claims},"{claim}":"{escape}"}}'
    with pytest.raises(InvalidToken):
        await guard.verify(compact(tenant.header(), payload, tenant.key))


async def test_escaped_pair_of_surrogates_is_one_letter(guard: KindeGuard, tenant: Tenant) -> None:
    claims = json.dumps(tenant.claims(sub=OMIT))[1:-1]
    payload = f'{{{claims},"sub":"\\ud83d\\ude00"}}'
    token = await guard.verify(compact(tenant.header(), payload, tenant.key))
    assert token.subject == "\U0001f600"


@pytest.mark.parametrize("levels", [8, 24])
async def test_claims_nested_reasonably_are_accepted(
    levels: int, guard: KindeGuard, tenant: Tenant
) -> None:
    nested: object = 1
    for _ in range(levels):
        nested = {"x": nested}
    assert (await guard.verify(tenant.token("a", feature_flags=nested))).scopes == {"a"}


async def test_brackets_inside_a_string_are_no_nesting(guard: KindeGuard, tenant: Tenant) -> None:
    token = await guard.verify(tenant.token("a", note="[{" * 200 + '"\\' * 9))
    assert token.scopes == {"a"}


@pytest.mark.parametrize("crit", [["exp"], ["b64"], [], "exp", None, {}], ids=repr)
async def test_crit_of_any_kind_gives_malformed_token(
    crit: object, guard: KindeGuard, tenant: Tenant
) -> None:
    with pytest.raises(MalformedToken):
        await guard.verify(tenant.token(header={"crit": crit, "b64": True}))


@pytest.mark.parametrize("alg", [OMIT, None, 5, True, ["RS256"], {"alg": "RS256"}], ids=repr)
async def test_alg_missing_or_no_string_gives_malformed_token(
    alg: object, guard: KindeGuard, tenant: Tenant
) -> None:
    token = compact(tenant.header(alg=alg), tenant.claims(), tenant.key)
    with pytest.raises(MalformedToken):
        await guard.verify(token)


@pytest.mark.parametrize("kid", [None, 5, True, [KID], {"kid": KID}], ids=repr)
async def test_kid_that_is_no_string_gives_malformed_token(
    kid: object, guard: KindeGuard, tenant: Tenant
) -> None:
    with pytest.raises(MalformedToken):
        await guard.verify(tenant.token(header={"kid": kid}))


async def test_token_of_exactly_the_largest_size_is_accepted(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    token = tenant.token("a")
    guard = make_guard(max_token_bytes=len(token))
    assert (await guard.verify(token)).scopes == {"a"}


async def test_token_one_byte_larger_than_allowed_gives_malformed_token(
    make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    token = tenant.token("a")
    guard = make_guard(max_token_bytes=len(token) - 1)
    with pytest.raises(MalformedToken):
        await guard.verify(token)
    assert key_server.fetches == 0


@pytest.mark.parametrize("raw", [None, 5, ["x"], object()])
async def test_something_that_is_no_token_at_all_never_passes(
    raw: object, guard: KindeGuard
) -> None:
    with pytest.raises((GuardError, TypeError)):
        await guard.verify(raw)  # type: ignore[arg-type]


# --- algorithms ----------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE"])
async def test_alg_none_with_an_empty_signature_is_refused(
    alg: str, guard: KindeGuard, tenant: Tenant
) -> None:
    token = compact(tenant.header(alg=alg), tenant.claims("read:users"))
    with pytest.raises((MalformedToken, UnsupportedAlgorithm)):
        await guard.verify(token)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE"])
async def test_alg_none_with_some_signature_gives_unsupported_algorithm(
    alg: str, guard: KindeGuard, tenant: Tenant
) -> None:
    token = compact(tenant.header(alg=alg), tenant.claims("read:users"), tenant.key)
    with pytest.raises(UnsupportedAlgorithm):
        await guard.verify(token)


@pytest.mark.parametrize("secret", ["pem", "pem-stripped", "n", "empty"])
async def test_hs256_with_the_public_key_as_secret_gives_unsupported_algorithm(
    secret: str, guard: KindeGuard, tenant: Tenant
) -> None:
    pem = tenant.key.public_pem
    secrets = {
        "pem": pem,
        "pem-stripped": pem.strip(),
        "n": tenant.key.jwk()["n"].encode(),
        "empty": b"",
    }
    token = compact(
        tenant.header(alg="HS256"),
        tenant.claims("read:users"),
        sign=lambda data: hmac_signature(secrets[secret], data),
    )
    with pytest.raises(UnsupportedAlgorithm):
        await guard.verify(token)


@pytest.mark.parametrize(
    "alg", ["RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256", "RS256 ", "RSA", "", "HS512"]
)
async def test_alg_that_is_not_allowed_gives_unsupported_algorithm_without_a_fetch(
    alg: str, guard: KindeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    token = compact(tenant.header(alg=alg), tenant.claims(), tenant.key, alg="RS256")
    with pytest.raises(UnsupportedAlgorithm):
        await guard.verify(token)
    assert key_server.fetches == 0


ALL = ("RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA")


@pytest.mark.parametrize("alg", ["RS512", "PS256"])
def test_alg_allowed_but_not_the_one_of_the_jwk_gives_unsupported_algorithm(
    alg: str, keys: KeySet, key: SigningKey
) -> None:
    token = compact({"alg": alg, "kid": KID}, b"{}", key.using(alg))
    with pytest.raises(UnsupportedAlgorithm):
        verify_signature(token, keys, ALL)


@pytest.mark.parametrize("alg", ["ES256", "ES384", "EdDSA"])
def test_alg_of_another_family_than_the_key_gives_unsupported_algorithm(
    alg: str, key: SigningKey
) -> None:
    keys = KeySet.from_jwks(jwks(key.jwk(alg=OMIT)))
    token = compact({"alg": alg, "kid": KID}, b"{}", key, alg="RS256")
    with pytest.raises(UnsupportedAlgorithm):
        verify_signature(token, keys, ALL)


@pytest.mark.parametrize("alg", ["RS256", "RS512", "PS256"])
def test_jwk_without_alg_serves_every_allowed_algorithm_of_its_family(
    alg: str, key: SigningKey
) -> None:
    keys = KeySet.from_jwks(jwks(key.jwk(alg=OMIT)))
    token = compact({"alg": alg, "kid": KID}, b"{}", key.using(alg))
    assert verify_signature(token, keys, ALL).payload == b"{}"


def test_ecdsa_with_the_curve_of_another_algorithm_gives_unsupported_algorithm() -> None:
    signer = SigningKey.ec("curve", alg="ES384")
    keys = KeySet.from_jwks(jwks(signer.jwk(alg=OMIT)))
    token = compact({"alg": "ES256", "kid": "curve"}, b"{}", signer, alg="ES256")
    with pytest.raises(UnsupportedAlgorithm):
        verify_signature(token, keys, ALL)


def test_rsa_alg_with_an_ec_key_gives_unsupported_algorithm(ec_key: SigningKey) -> None:
    keys = KeySet.from_jwks(jwks(ec_key.jwk(alg=OMIT)))
    token = compact({"alg": "RS256", "kid": ec_key.kid}, b"{}", ec_key, alg="ES256")
    with pytest.raises(UnsupportedAlgorithm):
        verify_signature(token, keys, ALL)


# --- signatures ----------------------------------------------------------------------------------


def _der(key: SigningKey) -> Callable[[bytes], bytes]:
    def sign(data: bytes) -> bytes:
        if not isinstance(key.private, ec.EllipticCurvePrivateKey):
            raise AssertionError("an EC key is needed")
        return key.private.sign(data, ec.ECDSA(hashes.SHA256()))

    return sign


@pytest.mark.parametrize("size", [1, 63, 64, 65, 96])
def test_ecdsa_signature_of_zeros_gives_invalid_signature(size: int, ec_key: SigningKey) -> None:
    keys = KeySet.from_jwks(jwks(ec_key))
    token = compact({"alg": "ES256", "kid": ec_key.kid}, b"{}", sign=lambda data: bytes(size))
    with pytest.raises(InvalidSignature):
        verify_signature(token, keys, ALL)


def test_ecdsa_signature_in_der_gives_invalid_signature(ec_key: SigningKey) -> None:
    keys = KeySet.from_jwks(jwks(ec_key))
    token = compact({"alg": "ES256", "kid": ec_key.kid}, b"{}", sign=_der(ec_key))
    with pytest.raises(InvalidSignature):
        verify_signature(token, keys, ALL)


@pytest.mark.parametrize("signature", [b"\0", bytes(255), bytes(256), b"\xff" * 256, bytes(512)])
def test_rsa_signature_of_odd_bytes_gives_invalid_signature(signature: bytes, keys: KeySet) -> None:
    token = compact({"alg": "RS256", "kid": KID}, b"{}", sign=lambda data: signature)
    with pytest.raises(InvalidSignature):
        verify_signature(token, keys, RS256)


@pytest.mark.parametrize("size", [1, 63, 64, 65])
def test_eddsa_signature_of_odd_bytes_gives_invalid_signature(size: int) -> None:
    keys = KeySet.from_jwks(jwks(SigningKey.ed25519("edwards")))
    token = compact({"alg": "EdDSA", "kid": "edwards"}, b"{}", sign=lambda data: bytes(size))
    with pytest.raises(InvalidSignature):
        verify_signature(token, keys, ALL)


def test_signature_with_another_padding_scheme_gives_invalid_signature(
    keys: KeySet, key: SigningKey
) -> None:
    token = compact({"alg": "RS256", "kid": KID}, b"{}", key, alg="PS256")
    with pytest.raises(InvalidSignature):
        verify_signature(token, keys, RS256)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_one_changed_character_anywhere_is_refused(part: int, keys: KeySet, tenant: Tenant) -> None:
    segments = _segments(tenant.token())
    middle = len(segments[part]) // 2
    swapped = "A" if segments[part][middle] != "A" else "B"
    segments[part] = segments[part][:middle] + swapped + segments[part][middle + 1 :]
    with pytest.raises(InvalidToken):
        verify_signature(".".join(segments), keys, RS256)


# --- key ids -------------------------------------------------------------------------------------


def test_missing_kid_gives_unknown_key(keys: KeySet, key: SigningKey) -> None:
    with pytest.raises(UnknownKey):
        verify_signature(compact({"alg": "RS256"}, b"{}", key), keys, RS256)


async def test_missing_kid_gives_unknown_key_without_a_fetch(
    guard: KindeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    with pytest.raises(UnknownKey):
        await guard.verify(tenant.token(header={"kid": OMIT}))
    assert key_server.fetches == 0


@pytest.mark.parametrize(
    "kid",
    [
        "",
        "unknown",
        KID.upper(),
        KID + " ",
        " " + KID,
        KID + "\0",
        KID[:-1],
        "../../../dev/null",
        "https://evil.example/jwks",
        "' OR 1=1 --",
        "__class__",
        "\u2603" * 100,
        "k" * 8000,
    ],
    ids=lambda kid: kid[:20],
)
def test_kid_that_is_no_key_of_the_set_gives_unknown_key(
    kid: str, keys: KeySet, key: SigningKey
) -> None:
    with pytest.raises(UnknownKey):
        verify_signature(compact({"alg": "RS256", "kid": kid}, b"{}", key), keys, RS256)


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c"])
async def test_key_that_the_token_brings_along_is_not_used(
    member: str, guard: KindeGuard, tenant: Tenant, other_key: SigningKey, key_server: KeyServer
) -> None:
    brought = {
        "jwk": other_key.jwk(kid=KID),
        "jku": "https://evil.example/jwks",
        "x5u": "https://evil.example/cert",
        "x5c": [b64url(other_key.public_pem)],
    }
    forger = other_key.renamed(KID)
    with pytest.raises(InvalidSignature):
        await guard.verify(tenant.token(key=forger, header={member: brought[member]}))
    assert [str(request.url) for request in key_server.requests] == [tenant.jwks_url]


def test_two_keys_with_one_kid_are_both_tried(key: SigningKey, other_key: SigningKey) -> None:
    twin = other_key.renamed(KID)
    keys = KeySet.from_jwks(jwks(key, twin))
    for signer in (key, twin):
        token = compact({"alg": "RS256", "kid": KID}, b"{}", signer)
        assert verify_signature(token, keys, RS256).payload == b"{}"


def test_two_keys_with_one_kid_of_different_families_serve_each_its_own(
    key: SigningKey, ec_key: SigningKey
) -> None:
    twin = ec_key.renamed(KID)
    keys = KeySet.from_jwks(jwks(key, twin))
    for signer in (key, twin):
        token = compact({"alg": signer.alg, "kid": KID}, b"{}", signer)
        assert verify_signature(token, keys, ALL).payload == b"{}"


def test_two_keys_with_one_kid_neither_of_which_signed_give_invalid_signature(
    key: SigningKey, other_key: SigningKey
) -> None:
    keys = KeySet.from_jwks(jwks(key, other_key.renamed(KID)))
    stranger = SigningKey.rsa(KID)
    with pytest.raises(InvalidSignature):
        verify_signature(compact({"alg": "RS256", "kid": KID}, b"{}", stranger), keys, RS256)
