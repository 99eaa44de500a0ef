"""The way of a token through the guard, in the order that costs least and tells most.

Shape, algorithm, key, signature, claims. What is cheap to refuse is refused before anything is
fetched or computed; nothing that a token says is believed before its signature is right. The one
thing read earlier is ``iss``, and only to choose *which* issuer's keys must have signed it: a token
that names another issuer is checked with that issuer's keys or not at all.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from kinde_guard.jose.compact_jws import CompactJws, ascii_bytes, check_signature, parse
from kinde_guard.jose.strict_json import object_of
from kinde_guard.keys import RemoteKeySet
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.verification.claims import ClaimsPolicy
from kinde_guard.verification.scopes import granted_scopes
from kinde_guard.verification.token_cache import TokenCache, VerifiedToken
from kinde_guard.vocabulary.errors import MalformedToken, UnsupportedAlgorithm
from kinde_guard.vocabulary.events import Recorder
from kinde_guard.vocabulary.settings import Settings

# RFC 9068, 2.1, and what Kinde writes; RFC 7515, 4.1.9: "application/" may be left out, and media
# types have no case.
_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})

# Headers of verified tokens: one for each signing key, so a few are many.
_MAX_HEADERS = 16


class Verifier:
    """Decides whether a token means what it says.

    Args:
        settings: algorithms, audience, leeway and sizes.
        key_sets: the keys of each trusted issuer.
        recorder: counts what is accepted.
    """

    def __init__(
        self, settings: Settings, key_sets: Mapping[str, RemoteKeySet], recorder: Recorder
    ) -> None:
        self._max_bytes = settings.max_token_bytes
        self._scope_claims = settings.scope_claims
        self._leeway = settings.leeway
        self._key_sets = key_sets
        self._first_key_set = key_sets[settings.issuer]
        self._recorder = recorder
        self._clock = settings.clock
        self._cache = TokenCache(settings.token_cache_size, settings.clock)
        self._headers: dict[bytes, dict[str, Any]] = {}
        self._algorithms = frozenset(settings.algorithms)
        audience = settings.audience
        self._policy = ClaimsPolicy(
            issuers=frozenset(settings.issuers),
            audience=None if audience is None else frozenset(audience),
            leeway=self._leeway,
        )

    @property
    def policy(self) -> ClaimsPolicy:
        """What the claims must say."""
        return self._policy

    async def verify(self, raw: str | bytes) -> AccessToken:
        """Verify a token; one that was verified before is only looked up.

        Args:
            raw: the token, ``header.payload.signature``.

        Raises:
            InvalidToken: the token is refused; the class says why.
            KeysUnavailable: nothing can be decided at the moment.
        """
        token = self.sized(raw)
        digest = hashlib.sha256(token).digest()
        verified = self._cache.get(digest)
        cached = verified is not None
        if verified is None:
            on_duration = self._recorder.on_duration
            if on_duration is None:
                verified = await self._examine(token)
            else:
                verified = await self._examine_timed(token, on_duration)
            self._cache.put(digest, verified)
        self._recorder.verified(cached=cached)
        return AccessToken.verified(token.decode(), verified.scopes)

    def sized(self, raw: str | bytes) -> bytes:
        """Return a token that is not too large to be read.

        Raises:
            MalformedToken: it is too large, or no ASCII text.
        """
        token = raw if isinstance(raw, bytes) else ascii_bytes(raw)
        if len(token) > self._max_bytes:
            raise MalformedToken
        return token

    def key_set_for(self, claims: Mapping[str, Any]) -> RemoteKeySet:
        """Return the keys that must have signed a token, before anything of it is believed."""
        # Not believed: the claims are checked after the signature. A token of no trusted issuer
        # meets the first one's keys, and then fails for whichever of the two is wrong first.
        issuer = claims.get("iss")
        return self._key_sets.get(issuer if isinstance(issuer, str) else "", self._first_key_set)

    async def _examine_timed(
        self, token: bytes, on_duration: Callable[[float], None]
    ) -> VerifiedToken:
        started = time.perf_counter()
        try:
            return await self._examine(token)
        finally:
            on_duration(time.perf_counter() - started)

    async def _examine(self, token: bytes) -> VerifiedToken:
        parsed = parse(token, self._headers)
        claims = claims_of(parsed)
        if parsed.algorithm not in self._algorithms:
            raise UnsupportedAlgorithm
        key_set = self.key_set_for(claims)
        key_id = parsed.key_id
        key = check_signature(parsed, key_set.held(key_id) or await key_set.find(key_id))
        self._policy.check(claims, self._clock())
        if parsed.header_segment not in self._headers:
            self._learn_header(parsed)
        scopes = granted_scopes(claims, self._scope_claims)
        begins_at = max(claims.get("nbf", 0), claims.get("iat", 0)) - self._leeway
        ends_at = claims["exp"] + self._leeway
        return VerifiedToken(scopes, key_set, key.fingerprint, begins_at, ends_at)

    def _learn_header(self, token: CompactJws) -> None:
        if len(self._headers) >= _MAX_HEADERS:
            self._headers.clear()
        self._headers[token.header_segment] = token.header


def claims_of(token: CompactJws) -> dict[str, Any]:
    """Return the claims of what looks like an access token; nothing is verified.

    Raises:
        MalformedToken: its type is another one, or its payload is no JSON object.
    """
    kind = token.header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise MalformedToken
    claims = object_of(token.payload)
    if claims is None:
        raise MalformedToken
    return claims
