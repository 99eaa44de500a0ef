"""Whether the keys of a tenant can be had, and are of use to the guard."""

from __future__ import annotations

from kinde_guard.cli.doctor.diagnosis import Diagnosis, Health
from kinde_guard.keys.fetch import KeySetFetcher, describe_fetch_failure
from kinde_guard.vocabulary.settings import Settings


async def diagnose_keys(issuer: str, settings: Settings) -> Diagnosis:
    """Fetch a key set as the guard does, once.

    Args:
        issuer: whose.
        settings: the guard's.
    """
    url = settings.jwks_urls[issuer]
    fetcher = KeySetFetcher(
        url,
        timeout=settings.jwks_timeout,
        max_bytes=settings.jwks_max_bytes,
        http_client=settings.http_client,
    )
    try:
        keys = await fetcher.fetch()
    except Exception as error:  # noqa: BLE001 - whatever went wrong, there are no keys
        says = f"{url}: {describe_fetch_failure(error, url)}"
        remedy = "until it answers, requests with new tokens are answered with 503"
        return Diagnosis("keys", Health.ILL, says, remedy)
    usable = sorted({name for key in keys for name in key.algorithms} & {*settings.algorithms})
    if not usable:
        allowed = ", ".join(settings.algorithms)
        return Diagnosis("keys", Health.ILL, f"no key of {url} is for {allowed}", "set algorithms")
    number = f"{len(keys)} key{'s' if len(keys) != 1 else ''}"
    return Diagnosis("keys", Health.OK, f"{number} for {', '.join(usable)} at {url}")
