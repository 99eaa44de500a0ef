"""Tokens that somebody tampered with, at every layer, and signed again where that is possible.

A token grows in five steps, and every step has operators that spoil it: the members of header and
claims, the JSON text, the base64url segments, the signature, the finished text. Which operators
are taken depends on the seed and the number of the token alone, so any token can be made again;
only keys and signatures differ from run to run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.attack.differential.anatomy import decoded
from tests.attack.differential.comparison import Specimen
from tests.attack.differential.stage import (
    ANY_AUDIENCE,
    CUSTOM_ISSUER,
    DEFAULT,
    EVERYTHING,
    Stage,
    claims_of,
)
from tests.attack.differential.values import CLAIMS, HEADERS, ODD_NUMBERS, ODD_TEXTS
from tests.mint import ISSUER, OMIT, Json, SigningKey, b64url, hmac_signature

ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_ORDER_OF_P256: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass
class Draft:
    """A token on its way."""

    stage: Stage
    key: SigningKey
    header: Json
    claims: Json
    texts: list[bytes] = field(default_factory=list)
    segments: list[str] = field(default_factory=list)
    sign: Callable[[bytes], bytes] | None = None
    history: list[str] = field(default_factory=list)


Operator = Callable[[Random, Draft], None]
TextOperator = Callable[[Random, bytes], bytes]
RawOperator = Callable[[Random, str, Stage], str | bytes]


# --- members -------------------------------------------------------------------------------------


#: What verifiers decide on is changed more often than the rest.
_POLICY: Final = ("exp", "nbf", "iat", "iss", "aud")


def _put(rng: Random, members: Json, choices: dict[str, list[Any]]) -> str:
    decisive = "exp" in choices and "iss" in choices and rng.random() < 0.6
    name = rng.choice(_POLICY if decisive else list(choices))
    value = rng.choice(choices[name])
    members[name] = value
    if value is OMIT:
        del members[name]
    return name


def change_claim(rng: Random, draft: Draft) -> None:
    draft.history.append(f"claim {_put(rng, draft.claims, CLAIMS)!r}")


def change_header(rng: Random, draft: Draft) -> None:
    draft.history.append(f"header {_put(rng, draft.header, HEADERS)!r}")


def name_the_other_issuer(_: Random, draft: Draft) -> None:
    # Key confusion: a key of one issuer vouches for a token in the name of the other.
    draft.history.append("the other issuer")
    draft.claims["iss"] = ISSUER if draft.claims.get("iss") == CUSTOM_ISSUER else CUSTOM_ISSUER


def bring_your_own_key(rng: Random, draft: Draft) -> None:
    # CVE-2018-0114: a verifier that believes the key in the header.
    draft.history.append("own key in the header")
    stranger = draft.stage.keys.stranger(draft.key)
    draft.header["jwk"] = stranger.jwk()
    draft.header["jku"] = "https://127.0.0.1/keys"
    draft.key = stranger
    if rng.random() < 0.3:
        draft.header.pop("kid", None)


def critical_b64(rng: Random, draft: Draft) -> None:
    draft.history.append("crit and b64")
    draft.header |= {"crit": ["b64"], "b64": rng.choice([True, False])}


def an_unusable_key(rng: Random, draft: Draft) -> None:
    draft.history.append("a key that is published and unfit")
    draft.key = rng.choice(draft.stage.keys.unusable)
    draft.header |= {"kid": draft.key.kid, "alg": draft.key.alg}


def no_key_id(rng: Random, draft: Draft) -> None:
    draft.history.append("no kid")
    if rng.random() < 0.5:
        draft.key = draft.stage.keys.custom
        draft.header["alg"] = draft.key.alg
        draft.claims["iss"] = CUSTOM_ISSUER
    draft.header.pop("kid", None)


def symmetric_algorithm(rng: Random, draft: Draft) -> None:
    # CVE-2015-9235: the public key as an HMAC secret.
    draft.history.append("HMAC with what everybody knows")
    draft.header["alg"] = "HS256"
    secret = rng.choice(_public_secrets(draft.key))
    draft.sign = lambda data: hmac_signature(secret, data)


def no_algorithm(rng: Random, draft: Draft) -> None:
    # CVE-2015-2951 and its many spellings.
    draft.history.append("no signature asked for")
    draft.header["alg"] = rng.choice(["none", "None", "NONE", "nOnE"])
    if rng.random() < 0.8:
        draft.sign = lambda _: b""


def _public_secrets(key: SigningKey) -> tuple[bytes, ...]:
    public = key.private.public_key()
    der = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return key.public_pem, key.public_pem.strip(), der, json.dumps(key.jwk()).encode(), b"", b"\x00"


MEMBERS: Final[tuple[Operator, ...]] = (
    *(change_claim,) * 8,
    *(change_header,) * 5,
    name_the_other_issuer,
    bring_your_own_key,
    critical_b64,
    an_unusable_key,
    no_key_id,
    symmetric_algorithm,
    no_algorithm,
)


# --- JSON text -----------------------------------------------------------------------------------


def _member(rng: Random, text: bytes) -> tuple[str, str]:
    """Return a member of the document, its name and its value in JSON."""
    members = json.loads(text)
    name = rng.choice(sorted(members)) if members else "x"
    return json.dumps(name), json.dumps(members.get(name))


def repeat_a_member(rng: Random, text: bytes) -> bytes:
    name, value = _member(rng, text)
    if rng.random() < 0.3:
        name = f'"\\u{ord(name[1]):04x}{name[2:]}'
    value = rng.choice([value, '"x"', "0", "null", "9999999999"])
    pair = f"{name}:{value}".encode()
    return rng.choice([b"{" + pair + b"," + text[1:], text[:-1] + b"," + pair + b"}"])


def escape_a_name(rng: Random, text: bytes) -> bytes:
    name, _ = _member(rng, text)
    return text.replace(name.encode(), f'"\\u{ord(name[1]):04x}{name[2:]}'.encode(), 1)


def add_white_space(rng: Random, text: bytes) -> bytes:
    space = rng.choice([b" ", b"\n", b"\t\r\n", b"  "])
    return space + text.replace(b",", b"," + space).replace(b":", space + b":", 1) + space


def another_encoding(rng: Random, text: bytes) -> bytes:
    encoding = rng.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "utf-8-sig"])
    return text.decode("utf-8", "replace").encode(encoding)


def broken_encoding(rng: Random, text: bytes) -> bytes:
    odd = rng.choice([b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xe9", b"\x00"])
    return text[:-1] + b',"note":"' + odd + b'"}'


def odd_number(rng: Random, text: bytes) -> bytes:
    name = rng.choice(['"exp"', '"note"', '"nbf"', '"alg"', '"v"'])
    number = rng.choice(ODD_NUMBERS)
    if f"{name}:".encode() in text:
        return re.sub(name.encode() + rb":[^,}]*", f"{name}:{number}".encode(), text, count=1)
    return text[:-1] + f",{name}:{number}}}".encode()


def odd_syntax(rng: Random, text: bytes) -> bytes:
    body = text[1:-1]
    outside = [
        text + text,
        text + b"\x00",
        text + b"x",
        text + b"//",
        b"/**/" + text,
        b"\x0c" + text,
    ]
    instead = [b"", b" ", b"null", b"{}", b"[]", b"5", b'"x"', b"true", b"[" + text + b"]", body]
    inside = [b",", b",null:1", b',"a" 1', b',"a":', b',"a":"\n"', b',"a":"\\x"', b",,", b";"]
    broken = [b"{" + body, b"{," + body + b"}", text.replace(b'"', b"'"), b"\xef\xbb\xbf" + text]
    return rng.choice([*outside, *instead, *broken, *(b"{" + body + odd + b"}" for odd in inside)])


def nest(rng: Random, text: bytes) -> bytes:
    depth = rng.choice([8, 30, 31, 32, 33, 64, 900, 3000])
    opening, closing = rng.choice([(b"[", b"]"), (b'{"a":', b"}")])
    return text[:-1] + b',"note":' + opening * depth + b"0" + closing * depth + b"}"


def half_a_pair(rng: Random, text: bytes) -> bytes:
    odd = rng.choice(["\\ud800", "\\udfff", "\\ud800\\ud800", "\\ud83d\\ude00", "\\uD83D\\u0041"])
    place = rng.choice(['"note":"{}"', '"{}":1', '"note":["{}"]', '"note":{{"{}":1}}'])
    return text[:-1] + b"," + place.format(odd).encode() + b"}"


def bulk(rng: Random, text: bytes) -> bytes:
    # Around the bound on the whole token of 16,384 bytes: 4 characters for 3 bytes.
    return text[:-1] + b',"note":"' + b"x" * rng.choice([9000, 11_600, 11_900, 12_200]) + b'"}'


def damage_text(rng: Random, text: bytes) -> bytes:
    spot = rng.randrange(len(text))
    byte = rng.choice([rng.randrange(256), rng.choice(b'"{}[]:,\\0 ')])
    return text[:spot] + bytes([byte]) + text[spot + rng.choice([0, 1, 1, 1, 2]) :]


TEXTS: Final[tuple[TextOperator, ...]] = (
    repeat_a_member,
    escape_a_name,
    add_white_space,
    another_encoding,
    broken_encoding,
    odd_number,
    odd_syntax,
    nest,
    half_a_pair,
    bulk,
    damage_text,
    damage_text,
)


# --- segments, before they are signed ------------------------------------------------------------


def _with_stray_bits(rng: Random, segment: str) -> str:
    unused = {2: 4, 3: 2}.get(len(segment) % 4)
    if unused is None or segment[-1] not in ALPHABET:
        return segment
    last = ALPHABET.index(segment[-1]) | rng.randrange(1, 2**unused)
    return segment[:-1] + ALPHABET[last]


def spell_segment(rng: Random, segment: str) -> str:
    """Return a segment in another spelling, which a careless decoder reads as the same bytes."""
    spot = rng.randrange(len(segment) + 1)
    odd = rng.choice([" ", "\n", "\r\n", "\t", "\x00", "%", "~", "\u00e9"])
    padded = [segment + "=" * (-len(segment) % 4), *(segment + "=" * n for n in (1, 2, 4))]
    stray = [_with_stray_bits(rng, segment)] * 3
    other = ["=" + segment, segment.replace("-", "+").replace("_", "/"), segment.lower(), ""]
    longer = [f" {segment}", f"{segment}\n", segment[:spot] + odd + segment[spot:], f"{segment}A"]
    return rng.choice([*padded, *stray, *other, *longer, segment[:-1]])


# --- signatures ----------------------------------------------------------------------------------


def sign_as_stranger(_: Random, draft: Draft, data: bytes) -> bytes:
    return draft.stage.keys.stranger(draft.key).sign(data)


def sign_with_another(rng: Random, draft: Draft, data: bytes) -> bytes:
    keys = draft.stage.keys
    others = (keys.ec_256, keys.ed25519, keys.twin, keys.other_twin, keys.custom, keys.retired)
    return rng.choice(others).sign(data)


def sign_with_another_algorithm(rng: Random, draft: Draft, data: bytes) -> bytes:
    others = ("RS256", "RS384", "PS256", "PS512", "ES384", "ES512")
    return _signed_as(draft.key, data, rng.choice(others))


def _signed_as(key: SigningKey, data: bytes, alg: str | None) -> bytes:
    try:
        return key.sign(data, alg)
    except ValueError:
        # The short RSA key has no room for the longest digest and its salt.
        return key.sign(data)


def sign_something_else(rng: Random, draft: Draft, data: bytes) -> bytes:
    payload = draft.texts[1]
    header = data.split(b".")[0]
    message = rng.choice([payload, data + b".", data.lower(), header + b"." + payload, b"", header])
    return draft.key.sign(message)


def no_signature(rng: Random, draft: Draft, data: bytes) -> bytes:
    return rng.choice([b"", b"\x00", b"\x00" * 64, b"\xff" * 64, b"\x00" * 256, data[:64]])


def respell_signature(rng: Random, draft: Draft, data: bytes) -> bytes:
    """Return what is, or nearly is, the right signature in another form."""
    right = draft.key.sign(data)
    half = len(right) // 2
    return rng.choice(
        [
            *(b"\x00" + right, right + b"\x00", right[1:], right[:-1], right + right, right[::-1]),
            *(right[half:] + right[:half], _as_der(right), _negated(draft.key, right)),
            b"\x00" + right[:half] + b"\x00" + right[half:],
        ]
    )


def _as_der(signature: bytes) -> bytes:
    half = len(signature) // 2
    return encode_dss_signature(
        int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
    )


def _negated(key: SigningKey, signature: bytes) -> bytes:
    # For ECDSA as good a signature as the first one: (r, n - s).
    curve = getattr(key.private, "curve", None)
    if not isinstance(curve, ec.SECP256R1):
        return signature
    negated = _ORDER_OF_P256 - int.from_bytes(signature[32:], "big")
    return signature[:32] + negated.to_bytes(32, "big")


def flip_a_bit(rng: Random, draft: Draft, data: bytes) -> bytes:
    signature = bytearray(draft.key.sign(data))
    signature[rng.randrange(len(signature))] ^= 1 << rng.randrange(8)
    return bytes(signature)


SIGNATURES: Final[tuple[Callable[[Random, Draft, bytes], bytes], ...]] = (
    sign_as_stranger,
    sign_with_another,
    sign_with_another_algorithm,
    sign_something_else,
    no_signature,
    respell_signature,
    flip_a_bit,
)


# --- the finished text ---------------------------------------------------------------------------


def flip_a_bit_of_text(rng: Random, raw: str, _: Stage) -> bytes:
    octets = bytearray(raw.encode())
    octets[rng.randrange(len(octets))] ^= 1 << rng.randrange(8)
    return bytes(octets)


def replace_a_character(rng: Random, raw: str, _: Stage) -> str:
    spot = rng.randrange(len(raw))
    return raw[:spot] + rng.choice(ALPHABET) + raw[spot + 1 :]


def insert_a_character(rng: Random, raw: str, _: Stage) -> str:
    spot = rng.choice([0, len(raw), rng.randrange(len(raw))])
    return raw[:spot] + rng.choice([*ODD_TEXTS, rng.choice(ALPHABET)]) + raw[spot:]


def delete_characters(rng: Random, raw: str, _: Stage) -> str:
    spot = rng.randrange(len(raw))
    return raw[:spot] + raw[spot + rng.choice([1, 1, 2, 4, len(raw)]) :]


def swap_characters(rng: Random, raw: str, _: Stage) -> str:
    spot = rng.randrange(len(raw) - 1)
    return raw[:spot] + raw[spot + 1] + raw[spot] + raw[spot + 2 :]


def respell_a_segment(rng: Random, raw: str, _: Stage) -> str:
    segments = raw.split(".")
    spot = rng.randrange(len(segments))
    segments[spot] = spell_segment(rng, segments[spot])
    return ".".join(segments)


def damage_decoded_bytes(rng: Random, raw: str, _: Stage) -> str:
    segments = raw.split(".")
    spot = rng.randrange(len(segments))
    octets = bytearray(decoded(segments[spot].encode()))
    if octets:
        octets[rng.randrange(len(octets))] ^= 1 << rng.randrange(8)
    segments[spot] = b64url(bytes(octets))
    return ".".join(segments)


def swap_segments_between_tokens(rng: Random, raw: str, stage: Stage) -> str:
    mine, theirs = raw.split("."), rng.choice(stage.good).split(".")
    spots = zip(mine, theirs, strict=True)
    return ".".join([rng.choice(spot) for spot in spots])


def rearrange_segments(rng: Random, raw: str, _: Stage) -> str:
    a, b, c = raw.split(".")
    return rng.choice(
        [
            *(f"{b}.{a}.{c}", f"{a}.{c}.{b}", f"{a}.{b}", f"{a}.{b}.", f"{a}..{c}", f".{b}.{c}"),
            *(f"{a}.{b}.{c}.", f".{a}.{b}.{c}", f"{a}.{b}.{c}.{c}", f"{a}.{a}.{c}", f"{a}{b}{c}"),
            *(f"{a}.{b}.{c}.x.y", "", ".", "..", "...", a, f"{a}.{b}.{c} ", f"Bearer {a}.{b}.{c}"),
            f'{{"payload":"{b}","protected":"{a}","signature":"{c}"}}',
        ]
    )


def another_case(rng: Random, raw: str, _: Stage) -> str:
    return rng.choice([raw.upper(), raw.lower(), raw.swapcase(), raw[::-1]])


def no_token_at_all(rng: Random, raw: str, _: Stage) -> str | bytes:
    choices: list[str | bytes] = [rng.randbytes(rng.randrange(80)), raw[: rng.randrange(len(raw))]]
    return rng.choice([*choices, raw * 3])


RAW: Final[tuple[RawOperator, ...]] = (
    *(flip_a_bit_of_text,) * 2,
    *(replace_a_character,) * 3,
    *(insert_a_character,) * 2,
    delete_characters,
    swap_characters,
    *(respell_a_segment,) * 3,
    damage_decoded_bytes,
    *(swap_segments_between_tokens,) * 2,
    rearrange_segments,
    another_case,
    no_token_at_all,
)


# --- putting it together -------------------------------------------------------------------------


class Mutator:
    """Makes tokens by number.

    Args:
        stage: the keys to sign with.
        seed: makes another sequence of tokens.
    """

    def __init__(self, stage: Stage, seed: int) -> None:
        self._stage = stage
        self.seed = seed

    def specimen(self, number: int) -> Specimen:
        """Return the token with this number."""
        rng = Random(f"{self.seed}/{number}")
        expectation = rng.choices((EVERYTHING, DEFAULT, ANY_AUDIENCE), (70, 18, 12))[0]
        if rng.random() < 0.25:
            raw, history = self._tampered(rng)
        else:
            raw, history = self._made(rng)
        return Specimen(raw, expectation, tuple(history))

    def _tampered(self, rng: Random) -> tuple[str | bytes, list[str]]:
        """Spoil the text of a good token, which takes no signing."""
        operator = rng.choice(RAW)
        return operator(rng, rng.choice(self._stage.good), self._stage), [named(operator)]

    def _made(self, rng: Random) -> tuple[str | bytes, list[str]]:
        draft = self._draft(rng)
        for _ in range(rng.choices((0, 1, 2, 3), (30, 45, 18, 7))[0]):
            rng.choice(MEMBERS)(rng, draft)
        draft.texts = [_json(draft.header), _json(draft.claims)]
        if rng.random() < 0.2:
            self._respell_text(rng, draft)
        draft.segments = [b64url(text) for text in draft.texts]
        if rng.random() < 0.08:
            spot = rng.randrange(2)
            draft.segments[spot] = spell_segment(rng, draft.segments[spot])
            draft.history.append("respelt before it was signed")
        raw = self._signed(rng, draft)
        if rng.random() < 0.05 and raw.count(".") == 2:
            operator = rng.choice(RAW)
            draft.history.append(named(operator))
            return operator(rng, raw, self._stage), draft.history
        return raw, draft.history

    def _draft(self, rng: Random) -> Draft:
        key = rng.choice(self._stage.keys.usual)
        header = {"alg": key.alg, "kid": key.kid, "typ": "JWT"}
        return Draft(self._stage, key, header, claims_of(self._stage.issuer_of(key), rng))

    def _respell_text(self, rng: Random, draft: Draft) -> None:
        spot = rng.choice((0, 1, 1))
        operator = rng.choice(TEXTS)
        try:
            draft.texts[spot] = operator(rng, draft.texts[spot])
        except (ValueError, IndexError):
            # The members themselves are so odd that there is nothing left to respell.
            return
        draft.history.append(f"{named(operator)} of the {('header', 'payload')[spot]}")

    def _signed(self, rng: Random, draft: Draft) -> str:
        data = ".".join(draft.segments).encode("utf-8", "replace")
        if draft.sign is not None:
            signature = draft.sign(data)
        elif rng.random() < 0.12:
            operator = rng.choice(SIGNATURES)
            draft.history.append(named(operator))
            signature = operator(rng, draft, data)
        else:
            signature = self._rightly_signed(draft, data)
        return ".".join((*draft.segments, b64url(signature)))

    def _rightly_signed(self, draft: Draft, data: bytes) -> bytes:
        # With the algorithm that the header names, where the key can do that at all.
        asked = draft.header.get("alg")
        rsa = draft.key.alg[:2] in {"RS", "PS"}
        able = rsa and isinstance(asked, str) and asked[:2] in {"RS", "PS"}
        return _signed_as(draft.key, data, asked if able else None)


def _json(members: Json) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode()


def named(operator: object) -> str:
    """Return what the history of a token calls an operator."""
    return str(getattr(operator, "__name__", operator)).replace("_", " ")
