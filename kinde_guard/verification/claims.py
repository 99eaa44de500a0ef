"""What the claims of an access token must say: a table of rules, applied in order.

A signature proves the origin of a token, not that it is meant for this API, is valid now, or is an
access token at all: Kinde signs ID tokens and webhooks with the same keys. ID tokens name the
issuer itself as an audience and webhooks lack ``exp`` and ``iss``, so both are refused here.

Source: RFC 7519, section 4.1; RFC 8725, sections 3.8 to 3.12; Kinde, "About access tokens".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kinde_guard.vocabulary.errors import (
    ExpiredToken,
    ImmatureToken,
    InvalidClaim,
    WrongAudience,
    WrongIssuer,
)

HASURA = "x-hasura-"
"""What some claims' names begin with where a tenant maps them for Hasura."""

_NUMBERS = (int, float)

_NAMES = ("sub", "azp", "jti", "org_code", HASURA + "org-code")

# The years 1 to 9999: outside of them a date cannot be shown, so it cannot be meant.
_EARLIEST, _LATEST = -62_135_596_800, 253_402_300_799


@dataclass(frozen=True, slots=True)
class ClaimsPolicy:
    """What this API expects of a token.

    Attributes:
        issuers: the exact issuers that are trusted.
        audience: the audiences of this API, or ``None`` to accept any but the issuer's own.
        leeway: seconds by which clocks may differ.
    """

    issuers: frozenset[str]
    audience: frozenset[str] | None
    leeway: float

    def check(self, claims: Mapping[str, Any], now: float) -> None:
        """Apply every rule, in order.

        Args:
            claims: the payload of a token whose signature is right.
            now: seconds since the epoch.

        Raises:
            InvalidToken: the first rule that is broken says which.
        """
        for rule in RULES:
            rule(self, claims, now)


def not_expired(policy: ClaimsPolicy, claims: Mapping[str, Any], now: float) -> None:
    """``exp`` must be there and must not have passed (RFC 7519, section 4.1.4)."""
    if now >= _date(claims.get("exp")) + policy.leeway:
        raise ExpiredToken


def not_immature(policy: ClaimsPolicy, claims: Mapping[str, Any], now: float) -> None:
    """``nbf`` and ``iat``, where present, must not lie in the future (sections 4.1.5, 4.1.6)."""
    for name in ("nbf", "iat"):
        if name in claims and _date(claims[name]) > now + policy.leeway:
            raise ImmatureToken


def from_issuer(policy: ClaimsPolicy, claims: Mapping[str, Any], _now: float) -> None:
    """``iss`` must be one of the trusted issuers, character for character (section 4.1.1)."""
    issuer = claims.get("iss")
    if not isinstance(issuer, str):
        raise InvalidClaim
    if issuer not in policy.issuers:
        raise WrongIssuer


def for_audience(policy: ClaimsPolicy, claims: Mapping[str, Any], _now: float) -> None:
    """``aud`` must hold this API, and never the issuer (section 4.1.3; Kinde, ID tokens)."""
    if "aud" not in claims and policy.audience is None:
        return
    audience = audience_of(claims.get("aud"))
    if not policy.issuers.isdisjoint(audience):
        raise WrongAudience
    if policy.audience is not None and policy.audience.isdisjoint(audience):
        raise WrongAudience


def well_typed(_policy: ClaimsPolicy, claims: Mapping[str, Any], _now: float) -> None:
    """Claims that identify a party or a token must be strings (sections 4.1.2 and 4.1.7)."""
    for name in _NAMES:
        if not isinstance(claims.get(name, ""), str):
            raise InvalidClaim


def not_bound(_policy: ClaimsPolicy, claims: Mapping[str, Any], _now: float) -> None:
    """A ``cnf`` binds the token to a key: it is not a bearer token (RFC 9449, section 7.1)."""
    if "cnf" in claims:
        raise InvalidClaim


RULES: tuple[Callable[[ClaimsPolicy, Mapping[str, Any], float], None], ...] = (
    not_expired,
    not_immature,
    from_issuer,
    for_audience,
    well_typed,
    not_bound,
)


def audience_of(value: object) -> tuple[str, ...]:
    """Return the audiences in an ``aud`` claim, which is a string or an array of strings.

    Raises:
        InvalidClaim: it is something else.
    """
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise InvalidClaim
    for member in value:
        if not isinstance(member, str):
            raise InvalidClaim
    return tuple(value)


def _date(value: Any) -> int | float:  # noqa: ANN401 - a claim is anything
    # A bool is an int to isinstance, and NaN compares false with everything: neither is a date.
    if type(value) not in _NUMBERS or not _EARLIEST <= value <= _LATEST:
        raise InvalidClaim
    date: int | float = value
    return date
