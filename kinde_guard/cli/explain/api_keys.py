"""A Kinde API key: Kinde is asked whether it is good, as the guard asks."""

from __future__ import annotations

from kinde_guard.cli.explain.checks import Check, Outcome
from kinde_guard.cli.explain.examination import Examination
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.vocabulary.errors import GuardError, InvalidApiKey, TemporarilyUnavailable
from kinde_guard.vocabulary.settings import Settings

_REMEDIES = {
    InvalidApiKey.reason: "is it whole, made for this API, and neither revoked nor expired?",
}
_OUTAGE = "are the guard's credentials for API keys right? See the log of kinde_guard.api_keys"


async def examine_api_key(raw: str, settings: Settings) -> Examination:
    """Verify an API key with the guard's own settings; what it says is what Kinde answered.

    Args:
        raw: the API key.
        settings: those of the guard, which accepts API keys.
    """
    found = Examination(settings)
    try:
        found.token = await _verified(raw, settings)
    except GuardError as error:
        found.error = error
        found.checks.append(_failure(error))
    else:
        found.claims = found.token.claims
        found.checks.append(Check("API key", Outcome.OK, f"good, its id is {found.token.key_id}"))
    return found


async def _verified(raw: str, settings: Settings) -> AccessToken:
    if settings.api_keys is None:
        raise InvalidApiKey
    verifier = settings.api_keys.bind(settings.issuer, settings.audience, settings.monotonic)
    try:
        key = await verifier.verify(raw.encode("utf-8", "surrogatepass"))
    finally:
        await verifier.aclose()
    if settings.revocations is not None:
        revocations = settings.revocations
        (revocations.snapshot or await revocations.current()).check(key.claims)
    return AccessToken.of_api_key(key.claims, key.scopes)


def _failure(error: GuardError) -> Check:
    if isinstance(error, TemporarilyUnavailable):
        return Check(
            "API key",
            Outcome.UNCHECKED,
            "not checked: Kinde cannot be asked",
            remedy=_OUTAGE,
            reason=error.reason,
        )
    return Check(
        "API key",
        Outcome.FAILED,
        str(error),
        "an API key of this API that Kinde knows",
        _REMEDIES.get(error.reason, ""),
        error.reason,
    )
