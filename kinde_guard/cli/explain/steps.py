"""The guard's own steps, one by one, and what each says of a token.

The steps are those of :mod:`kinde_guard.verification.verifier`; the words about them stand in
:mod:`kinde_guard.cli.explain.wording`. The guard stops at the first step that fails. This goes on
wherever the next step can still say something, so that one run shows everything that is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping

from kinde_guard.cli.explain import wording
from kinde_guard.cli.explain.api_keys import examine_api_key
from kinde_guard.cli.explain.checks import Check, Outcome
from kinde_guard.cli.explain.examination import Examination
from kinde_guard.jose.compact_jws import CompactJws, check_signature, parse
from kinde_guard.keys import PublicKey, RemoteKeySet
from kinde_guard.verification.claims import RULES
from kinde_guard.verification.verifier import Verifier, check_type, parse_claims
from kinde_guard.vocabulary.errors import (
    GuardError,
    InvalidToken,
    KeysUnavailable,
    UnsupportedAlgorithm,
)
from kinde_guard.vocabulary.events import Recorder
from kinde_guard.vocabulary.settings import Settings


async def examine(raw: str, settings: Settings) -> Examination:
    """Take a token through every step.

    Args:
        raw: the token, or an API key where the guard accepts those: a value without a dot.
        settings: those of the guard.
    """
    if settings.api_keys is not None and "." not in raw:
        return await examine_api_key(raw, settings)
    key_sets = {issuer: _key_set(url, settings) for issuer, url in settings.jwks_urls.items()}
    steps = _Steps(raw, settings, key_sets)
    await steps.run()
    for key_set in key_sets.values():
        await key_set.aclose()
    return steps.found


def _key_set(url: str, settings: Settings) -> RemoteKeySet:
    return RemoteKeySet(
        url,
        timeout=settings.jwks_timeout,
        max_bytes=settings.jwks_max_bytes,
        http_client=settings.http_client,
    )


class _Steps:
    def __init__(self, raw: str, settings: Settings, key_sets: Mapping[str, RemoteKeySet]) -> None:
        self._raw = raw
        self._settings = settings
        self._verifier = Verifier(settings, key_sets, Recorder())
        self.found = Examination(settings)

    async def run(self) -> None:
        parsed = self._shape()
        if parsed is not None:
            self._algorithm(parsed)
            await self._key_and_signature(parsed)
            self._claims()
        # The verdict is the guard's own; the keys are in hand now, so nothing is fetched again.
        try:
            self.found.token = await self._verifier.verify(self._raw)
        except GuardError as error:
            self.found.error = error

    def _shape(self) -> CompactJws | None:
        try:
            parsed = parse(self._verifier.check_size(self._raw), {})
            check_type(parsed.header)
            self.found.claims = parse_claims(parsed.payload)
        except InvalidToken as error:
            self._add(wording.malformed(self._raw, self._settings, error.reason))
            return None
        self._add(wording.shape(self._raw, parsed))
        return parsed

    def _algorithm(self, parsed: CompactJws) -> None:
        allowed = parsed.algorithm in self._settings.algorithms
        reason = "" if allowed else UnsupportedAlgorithm.reason
        self._add(wording.algorithm(parsed, self._settings, reason))

    async def _key_and_signature(self, parsed: CompactJws) -> None:
        key_set = self._verifier.key_set_for(self.found.claims)
        url = key_set.url
        try:
            keys = await key_set.find(parsed.key_id)
        except KeysUnavailable as error:
            self._add(wording.no_keys(url, key_set.last_error or "", error.reason))
        except InvalidToken as error:
            self._add(wording.unknown_key(parsed, url, error.reason))
        else:
            self._add(wording.key(parsed, url))
            self._signature(parsed, keys)
            return
        self._add(Check("signature", Outcome.UNCHECKED, "not checked without the key"))

    def _signature(self, parsed: CompactJws, keys: tuple[PublicKey, ...]) -> None:
        try:
            check_signature(parsed, keys)
        except UnsupportedAlgorithm as error:
            self._add(wording.algorithm_of_another_key(parsed, keys, error.reason))
        except InvalidToken as error:
            self._add(wording.wrong_signature(parsed, error.reason))
        else:
            self._add(Check("signature", Outcome.OK, f"made by that key with {parsed.algorithm}"))

    def _claims(self) -> None:
        policy = self._verifier.policy
        now = self._settings.clock()
        for rule in RULES:
            try:
                rule(policy, self.found.claims, now)
            except InvalidToken as error:
                reason = error.reason
            else:
                reason = ""
            describe = wording.CLAIMS.get(rule.__name__, wording.any_rule(rule))
            self._add(describe(self.found.claims, self._settings, now, reason))

    def _add(self, check: Check) -> None:
        self.found.checks.append(check)
