"""What each check found and expected, in words, and what to do where it failed.

Nothing is decided here: whether a check failed is for the guard to say, and comes in as its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kinde_guard.cli.explain.checks import Check, Outcome
from kinde_guard.cli.explain.moments import absolute, relative, span
from kinde_guard.jose.compact_jws import CompactJws
from kinde_guard.keys import PublicKey
from kinde_guard.vocabulary.settings import Settings

Describe = Callable[[Mapping[str, Any], Settings, float, str], Check]

APIS = "Settings > Applications > the application > APIs"
"""Where Kinde keeps what an application may ask for."""


def _outcome(reason: str) -> Outcome:
    return Outcome.FAILED if reason else Outcome.OK


def shape(raw: str, parsed: CompactJws) -> Check:
    """Tell of a token that can be read."""
    kind = f"typ {parsed.header['typ']}" if "typ" in parsed.header else "no typ"
    return Check("shape", Outcome.OK, f"three segments, {len(raw)} bytes, {kind}")


def malformed(raw: str, settings: Settings, reason: str) -> Check:
    """Tell of a token that cannot be read."""
    found, remedy = _defect(raw)
    if len(raw) > settings.max_token_bytes:
        found = f"{len(raw)} bytes; the guard reads {settings.max_token_bytes}"
    expected = "header.payload.signature, an access token in JWT form"
    return Check("shape", Outcome.FAILED, found, expected, remedy, reason)


def _defect(raw: str) -> tuple[str, str]:
    dots = raw.count(".")
    if raw.startswith("k_"):
        return "a Kinde API key", "give the guard api_keys=ApiKeys(...), or ask for an access token"
    if any(letter.isspace() for letter in raw):
        return "white space inside of the token", "paste it on one line"
    if dots == 0:
        return f"{len(raw)} characters without a dot", "is it an access token, and whole?"
    if dots != 2:
        whole = "it was cut" if dots < 2 else "an encrypted token, perhaps"
        return f"{dots + 1} segments: {whole}", "copy the whole token"
    return "3 segments that cannot be decoded, or no access token's", "copy the whole token"


def algorithm(parsed: CompactJws, settings: Settings, reason: str) -> Check:
    """Tell of the algorithm that the header names."""
    if not reason:
        return Check("algorithm", Outcome.OK, parsed.algorithm)
    return Check(
        "algorithm",
        Outcome.FAILED,
        parsed.algorithm,
        " or ".join(settings.algorithms),
        "Kinde signs with RS256: was this token issued by Kinde?",
        reason,
    )


def key(parsed: CompactJws, url: str) -> Check:
    """Tell of a key that the issuer has."""
    return Check("key", Outcome.OK, f"{parsed.key_id}, published at {url}")


def unknown_key(parsed: CompactJws, url: str, reason: str) -> Check:
    """Tell of a key that the issuer does not have."""
    return Check(
        "key",
        Outcome.FAILED,
        f"key id {parsed.key_id}" if parsed.key_id is not None else "no key id",
        f"a key id of {url}",
        "is the token of another tenant, or older than a change of keys? Ask for a new one",
        reason,
    )


def no_keys(url: str, cause: str, reason: str) -> Check:
    """Tell that there are no keys to check with."""
    return Check(
        "key",
        Outcome.UNCHECKED,
        f"not checked: {url} gave no keys ({cause or 'no answer'})",
        remedy="see what kinde-guard doctor says",
        reason=reason,
    )


def algorithm_of_another_key(parsed: CompactJws, keys: Sequence[PublicKey], reason: str) -> Check:
    """Tell of a key that is not for the algorithm."""
    usable = sorted({name for one in keys for name in one.algorithms})
    found = f"{parsed.algorithm}, with a key for {', '.join(usable)}"
    return Check("signature", Outcome.FAILED, found, "the key's own algorithm", reason=reason)


def wrong_signature(parsed: CompactJws, reason: str) -> Check:
    """Tell of a signature that the key did not make."""
    return Check(
        "signature",
        Outcome.FAILED,
        f"not made by that key ({len(parsed.signature)} bytes)",
        "the signature of exactly this header and payload (RS256: 256 bytes)",
        "was the token cut or edited? Ask for a new one",
        reason,
    )


def expiry(claims: Mapping[str, Any], settings: Settings, now: float, reason: str) -> Check:
    """Tell when it expires."""
    exp = claims.get("exp")
    if reason == "invalid_claim":
        found = "no exp" if exp is None else f"exp {exp!r}"
        return Check("expiry", Outcome.FAILED, found, "exp, a time in seconds", reason=reason)
    moment = float(str(exp))
    if not reason:
        found = f"expires {relative(moment, now)} ({absolute(moment)})"
        return Check("expiry", Outcome.OK, found)
    return Check(
        "expiry",
        Outcome.FAILED,
        f"expired {relative(moment, now)} ({absolute(moment)})",
        f"not yet, give or take {settings.leeway:g} s",
        "ask for a new token: kinde-guard token",
        reason,
    )


def beginning(claims: Mapping[str, Any], settings: Settings, now: float, reason: str) -> Check:
    """Tell since when it is valid."""
    given = {name: claims[name] for name in ("nbf", "iat") if name in claims}
    if reason == "invalid_claim":
        found = ", ".join(f"{name} {value!r}" for name, value in given.items())
        return Check("issued", Outcome.FAILED, found, "times in seconds", reason=reason)
    if not given:
        return Check("issued", Outcome.OK, "says nothing of it, and need not")
    moment = max(float(value) for value in given.values())
    if not reason:
        return Check("issued", Outcome.OK, f"{relative(moment, now)} ({absolute(moment)})")
    return Check(
        "issued",
        Outcome.FAILED,
        f"{relative(moment, now)} ({absolute(moment)})",
        f"by now, give or take {span(settings.leeway)}",
        "set this machine's clock: kinde-guard doctor compares it with Kinde's",
        reason,
    )


def issuer(claims: Mapping[str, Any], settings: Settings, _now: float, reason: str) -> Check:
    """Tell who issued it."""
    found = str(claims["iss"]) if "iss" in claims else "no iss"
    remedy = "set KINDE_DOMAIN to the tenant that issues, or add it with issuers=[...]"
    if not reason:
        return Check("issuer", Outcome.OK, found)
    expected = " or ".join(settings.issuers)
    return Check("issuer", Outcome.FAILED, found, expected, remedy, reason)


def audience(claims: Mapping[str, Any], settings: Settings, _now: float, reason: str) -> Check:
    """Tell for whom it is meant."""
    found = _list(claims["aud"]) if "aud" in claims else "no aud"
    if not reason:
        return Check("audience", Outcome.OK, found)
    expected = "any but the issuer's" if settings.audience is None else _list(settings.audience)
    remedy = f"ask for a token with audience={expected}; in Kinde: {APIS}"
    if isinstance(claims.get("aud"), list) and set(settings.issuers) & set(map(str, claims["aud"])):
        remedy = "this is an ID token: send the access token"
    return Check("audience", Outcome.FAILED, found, expected, remedy, reason)


def kinds(claims: Mapping[str, Any], _settings: Settings, _now: float, reason: str) -> Check:
    """Describe the types of the claims that hold identifiers."""
    names = [name for name in ("sub", "azp", "jti", "org_code") if name in claims]
    if not reason:
        return Check("types", Outcome.OK, f"{', '.join(names) or 'none'}: text, as expected")
    odd = [name for name in names if not isinstance(claims[name], str)]
    return Check("types", Outcome.FAILED, f"{', '.join(odd)} of another type", "text", "", reason)


def binding(_claims: Mapping[str, Any], _settings: Settings, _now: float, reason: str) -> Check:
    """Tell whether it is bound to a key, which its bearer would have to prove."""
    if not reason:
        return Check("binding", Outcome.OK, "no cnf, so it is a bearer token")
    found = "bound to a key by cnf"
    remedy = "ask for a token without DPoP or mutual TLS"
    return Check("binding", Outcome.FAILED, found, "a bearer token, without cnf", remedy, reason)


def any_rule(rule: Callable[..., None]) -> Describe:
    """Return words for a rule that this module does not know."""

    def describe(
        _claims: Mapping[str, Any], _settings: Settings, _now: float, reason: str
    ) -> Check:
        found = (rule.__doc__ or rule.__name__).partition("\n")[0]
        return Check(rule.__name__.replace("_", " "), _outcome(reason), found, reason=reason)

    return describe


CLAIMS: Mapping[str, Describe] = {
    "not_expired": expiry,
    "not_immature": beginning,
    "from_issuer": issuer,
    "for_audience": audience,
    "well_typed": kinds,
    "not_bound": binding,
}
"""Who describes which of :data:`kinde_guard.verification.claims.RULES`."""


def _list(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(str(member) for member in value) or "none"
    return str(value)
