"""A tenant's discovery document, and the clock of its server.

Source: OpenID Connect Discovery 1.0, sections 3 and 4.3; RFC 9110, section 6.6.1 (``Date``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from kinde_guard.cli.doctor.diagnosis import Diagnosis, Health
from kinde_guard.cli.network import START_LOCAL, http_client, is_loopback
from kinde_guard.jose.strict_json import loads
from kinde_guard.vocabulary.network import describe_failure
from kinde_guard.vocabulary.settings import Settings

PATH = "/.well-known/openid-configuration"
LARGEST = 262_144
WRONG_DOMAIN = "is KINDE_DOMAIN right? It is the tenant's host, such as acme.kinde.com"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from a tenant.

    Attributes:
        document: the discovery document; empty if it is none.
        problem: what is wrong with it, ``""`` if nothing is.
        skew: by how many seconds this clock is ahead of the server's; ``None`` if it told no time.
    """

    document: Mapping[str, Any]
    problem: str = ""
    skew: float | None = None


def discover(issuer: str, settings: Settings) -> Answer:
    """Fetch a discovery document.

    Args:
        issuer: whose.
        settings: the guard's; its time-out and its clock.
    """
    begun = settings.clock()
    try:
        with (
            http_client(issuer, timeout=settings.jwks_timeout) as client,
            client.stream("GET", issuer + PATH) as response,
        ):
            middle = (begun + settings.clock()) / 2
            skew = _skew(response.headers.get("date"), middle)
            if response.status_code != 200:
                return Answer({}, f"{issuer}{PATH} answers {response.status_code}", skew)
            document = _document(response)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Answer({}, f"no answer from {issuer}: {describe_failure(error, issuer)}")
    return Answer(document, "" if document else f"{issuer}{PATH} answers no JSON object", skew)


def _document(response: httpx.Response) -> Mapping[str, Any]:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > LARGEST:
            return {}
    try:
        document = loads(bytes(body))
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _skew(date: str | None, now: float) -> float | None:
    try:
        told = parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return None
    # The header's second began up to a second before it was sent.
    return now - (told + 0.5)


def diagnose_discovery(issuer: str, settings: Settings, answer: Answer) -> Diagnosis:
    """Tell whether a tenant describes itself as the guard expects."""
    if answer.problem:
        remedy = START_LOCAL if is_loopback(issuer) else WRONG_DOMAIN
        return Diagnosis("discovery", Health.ILL, answer.problem, remedy)
    named = answer.document.get("issuer")
    if named != issuer:
        return Diagnosis(
            "discovery",
            Health.ILL,
            f"{issuer} calls itself {named}",
            f"set KINDE_DOMAIN to {named}: tokens name the issuer character for character",
        )
    keys, expected = answer.document.get("jwks_uri"), settings.jwks_urls[issuer]
    if keys not in {expected, f"{expected}.json"}:
        return Diagnosis(
            "discovery",
            Health.ILL,
            f"the keys lie at {keys}, the guard looks at {expected}",
            "set jwks_url",
        )
    return Diagnosis("discovery", Health.OK, f"{issuer} describes itself as expected")


def diagnose_clock(settings: Settings, answer: Answer) -> Diagnosis:
    """Tell whether this machine's clock and the tenant's agree."""
    if answer.skew is None:
        return Diagnosis("clock", Health.SKIPPED, "the server told no time to compare with")
    off = abs(answer.skew)
    way = "ahead of" if answer.skew > 0 else "behind"
    # The header counts whole seconds, so half of one either way says nothing.
    if off <= max(settings.leeway, 1):
        return Diagnosis("clock", Health.OK, f"within {max(1, round(off))} s of the server's")
    return Diagnosis(
        "clock",
        Health.ILL,
        f"{round(off)} s {way} the server's; the guard allows {settings.leeway:g} s (leeway)",
        "let this machine set its clock by NTP: good tokens look expired, or not valid yet",
    )
