"""Why this guard and another library may differ about a token: each difference, written down.

A rule explains one direction alone. Where the guard is the stricter one it also says with which
reason the guard refuses; where the guard is the more lenient one there is no reason to give. A
difference that no rule explains is a defect of the guard, or a rule that nobody has written yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kinde_guard import (
    GuardError,
    ImmatureToken,
    InvalidClaim,
    InvalidSignature,
    MalformedToken,
    UnknownKey,
    WrongAudience,
)
from tests.attack.differential.anatomy import Anatomy
from tests.attack.differential.oracles import JOSERFC, PYJWT

BOTH = frozenset({PYJWT, JOSERFC})

_TYPES = {"jwt", "at+jwt", "application/jwt", "application/at+jwt"}
_MAX_TOKEN_BYTES = 16_384
_MAX_DEPTH = 32
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
_IDENTITIES = ("azp", "org_code", "x-hasura-org-code")
# RFC 7515, 4.1: parameters that help to find a key, or say what the content is.
_OPTIONAL_HEADERS = ("jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "cty")


@dataclass(frozen=True)
class Rule:
    """One difference.

    Attributes:
        name: what is different, in a few words.
        why: why the guard decides as it does.
        source: what it follows.
        refusal: how the guard refuses; `None` where the guard lets in what the oracle refuses.
        oracles: the libraries that decide otherwise.
        applies: whether a token is a case of this rule.
    """

    name: str
    why: str
    source: str
    refusal: type[GuardError] | None
    oracles: frozenset[str]
    applies: Callable[[Anatomy], bool]

    def explains(self, token: Anatomy, oracle: str, reason: str) -> bool:
        """Tell whether this is why an oracle decides otherwise; a reason is the guard's."""
        expected = self.refusal.reason if self.refusal else ""
        return oracle in self.oracles and reason == expected and self.applies(token)


def _padded(token: Anatomy) -> bool:
    return any(segment.endswith(b"=") for segment in token.segments)


def _another_encoding(token: Anatomy) -> bool:
    return any(document.encoding != "utf-8" for document in token.documents)


def _unreadable_issuer(token: Anatomy) -> bool:
    return len(token.expectation.issuers) > 1 and _another_encoding(token)


def _repeats(token: Anatomy) -> bool:
    return any(document.repeats for document in token.documents)


def _unreal_number(token: Anatomy) -> bool:
    return any(document.unreal for document in token.documents)


def _half_a_pair(token: Anatomy) -> bool:
    return any(document.has_half_a_pair for document in token.documents)


def _deep(token: Anatomy) -> bool:
    return any(document.depth > _MAX_DEPTH for document in token.documents)


def _critical(token: Anatomy) -> bool:
    return "crit" in token.header


def _unencoded(token: Anatomy) -> bool:
    return token.header.get("b64", True) is not True


def _another_type(token: Anatomy) -> bool:
    kind = token.header.get("typ", "JWT")
    return not isinstance(kind, str) or kind.lower() not in _TYPES


def _large(token: Anatomy) -> bool:
    return len(token.octets) > _MAX_TOKEN_BYTES


def _time_by_another_name(token: Anatomy) -> bool:
    return any(isinstance(value, str | bool) for _, value in token.times())


def _no_date(token: Anatomy) -> bool:
    return any(
        isinstance(value, int | float) and not _FIRST_SECOND <= value <= _LAST_SECOND
        for _, value in token.times()
    )


def _fractions(token: Anatomy, *names: str) -> Iterator[float]:
    for name, value in token.times():
        if name in names and isinstance(value, float) and value % 1:
            yield value


def _begins_within_this_second(token: Anatomy) -> bool:
    latest = token.now + token.expectation.leeway
    return any(int(value) <= latest < value for value in _fractions(token, "nbf", "iat"))


def _ends_within_this_second(token: Anatomy) -> bool:
    earliest = token.now - token.expectation.leeway
    return any(int(value) <= earliest < value for value in _fractions(token, "exp"))


def _meant_for_the_issuer(token: Anatomy) -> bool:
    return any(issuer in token.audience for issuer in token.expectation.issuers)


def _untyped_audience(token: Anatomy) -> bool:
    return token.expectation.audience is None and any(
        not isinstance(value, str) for value in token.audience
    )


def _untyped_identity(token: Anatomy) -> bool:
    return any(not isinstance(token.claims.get(name, ""), str) for name in _IDENTITIES)


def _bound(token: Anatomy) -> bool:
    return "cnf" in token.claims


def _no_key_id(token: Anatomy) -> bool:
    return "kid" not in token.header


def _kid_is(*kids: str) -> Callable[[Anatomy], bool]:
    return lambda token: token.header.get("kid") in kids


def _odd_optional_header(token: Anatomy) -> bool:
    return any(name in token.header for name in _OPTIONAL_HEADERS)


RULES: tuple[Rule, ...] = (
    Rule(
        "padded base64url",
        "one token has one spelling",
        "RFC 7515, section 2: base64url with all trailing '=' omitted",
        MalformedToken,
        frozenset({PYJWT}),
        _padded,
    ),
    Rule(
        "JSON in another encoding, or with a byte order mark",
        "two readers must not see two documents",
        "RFC 7515, section 4: UTF-8; RFC 8259, section 8.1",
        MalformedToken,
        BOTH,
        _another_encoding,
    ),
    Rule(
        "JSON in another encoding, before the key of the first of several issuers",
        "which issuer's key to try is read from the bytes; here both publish one key id",
        "RFC 7515, section 4: UTF-8; RFC 7515, section 4.1.4: a key id is a hint",
        InvalidSignature,
        BOTH,
        _unreadable_issuer,
    ),
    Rule(
        "a member twice",
        "which of the two counts depends on the parser",
        "RFC 7515, section 4; RFC 7519, section 4; RFC 7493, section 2.3",
        MalformedToken,
        BOTH,
        _repeats,
    ),
    Rule(
        "NaN, Infinity, or a number that no float holds",
        "JSON has no such numbers, and they compare as nobody expects",
        "RFC 8259, section 6; RFC 7493, section 2.2",
        MalformedToken,
        BOTH,
        _unreal_number,
    ),
    Rule(
        "half of a surrogate pair",
        "it is no text: encoding it fails later, as a 500",
        "RFC 7493, section 2.1; RFC 8259, section 8.2",
        MalformedToken,
        BOTH,
        _half_a_pair,
    ),
    Rule(
        "nested deeper than 32 levels",
        "no token needs it, and recursion is a way to exhaust a reader",
        "RFC 8259, section 9",
        MalformedToken,
        BOTH,
        _deep,
    ),
    Rule(
        "any crit",
        "the guard knows no extension that would have to be understood, RFC 7797's b64 included",
        "RFC 7515, section 4.1.11",
        MalformedToken,
        BOTH,
        _critical,
    ),
    Rule(
        "a b64 that is not true",
        "JWTs must not use the unencoded payload option; PyJWT minds false alone",
        "RFC 7797, section 7, which updates RFC 7519",
        MalformedToken,
        frozenset({PYJWT}),
        _unencoded,
    ),
    Rule(
        "a typ of other tokens",
        "a token that says it is something else is no access token",
        "RFC 8725, section 3.11; RFC 9068, section 4",
        MalformedToken,
        BOTH,
        _another_type,
    ),
    Rule(
        "larger than 16,384 bytes",
        "the size is bounded before anything is decoded",
        "contract, section 4: max_token_bytes",
        MalformedToken,
        BOTH,
        _large,
    ),
    Rule(
        "a date as text or truth value",
        "a date is a number; what int() makes of something else is nobody's intention",
        "RFC 7519, section 2: NumericDate",
        InvalidClaim,
        frozenset({PYJWT}),
        _time_by_another_name,
    ),
    Rule(
        "a date outside of the years 1 to 9999",
        "it cannot be shown as a date, so it cannot be meant",
        "RFC 7519, section 2; RFC 3339, section 1",
        InvalidClaim,
        BOTH,
        _no_date,
    ),
    Rule(
        "begins later within this second",
        "fractions of seconds count; PyJWT cuts them off",
        "RFC 7519, section 2: non-integer values can be represented",
        ImmatureToken,
        frozenset({PYJWT}),
        _begins_within_this_second,
    ),
    Rule(
        "meant for the issuer",
        "Kinde's ID tokens name the issuer as an audience, and its keys sign them too",
        "RFC 8725, section 3.12; Kinde, 'About ID tokens'",
        WrongAudience,
        BOTH,
        _meant_for_the_issuer,
    ),
    Rule(
        "an audience of the wrong type where any audience will do",
        "a claim of the wrong type is not understood, so the token is not",
        "RFC 7519, section 4.1.3",
        InvalidClaim,
        frozenset({PYJWT}),
        _untyped_audience,
    ),
    Rule(
        "an azp or org_code that is no string",
        "code behind the guard compares it with a string, and must not be surprised",
        "Kinde, 'About access tokens'; OpenID Connect Core 1.0, section 2 (azp)",
        InvalidClaim,
        BOTH,
        _untyped_identity,
    ),
    Rule(
        "bound to a key of its holder",
        "it proves nothing without the holder's key, which the guard does not ask for",
        "RFC 9449, section 7.1; RFC 7800, section 3.1",
        InvalidClaim,
        BOTH,
        _bound,
    ),
    Rule(
        "no key id, though the issuer has but one key",
        "with the next rotation there would be two, and one of them a guess",
        "RFC 7515, section 4.1.4; Kinde writes a kid into every token",
        UnknownKey,
        frozenset({JOSERFC}),
        _no_key_id,
    ),
    Rule(
        "an RSA key of fewer than 2048 bits",
        "a key of this size MUST be used",
        "RFC 7518, sections 3.3 and 3.5",
        UnknownKey,
        BOTH,
        _kid_is("weak"),
    ),
    Rule(
        "a key that is not for verifying",
        "the issuer says what the key is for",
        "RFC 7517, section 4.3: key_ops",
        UnknownKey,
        frozenset({PYJWT}),
        _kid_is("no-verify"),
    ),
    Rule(
        "a private key that was published",
        "whoever read the key set can sign with it",
        "RFC 7517, section 9.2",
        UnknownKey,
        BOTH,
        _kid_is("private"),
    ),
    Rule(
        "ends later within this second",
        "fractions of seconds count; PyJWT cuts them off",
        "RFC 7519, section 2: non-integer values can be represented",
        None,
        frozenset({PYJWT}),
        _ends_within_this_second,
    ),
    Rule(
        "an odd value in a header that only helps to find keys",
        "the guard takes keys from its own configuration and reads none of these",
        "RFC 7515, section 4: ignored when not understood",
        None,
        frozenset({JOSERFC}),
        _odd_optional_header,
    ),
    Rule(
        "the second of two keys with one key id",
        "both are tried; joserfc takes the first",
        "contract, section 6; RFC 7517, section 4.5: kid SHOULD be distinct",
        None,
        frozenset({JOSERFC}),
        _kid_is("twin"),
    ),
)
