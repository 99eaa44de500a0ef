"""The verification pipeline, cheapest checks first.

Shape, algorithm, key, signature, claims, revocation. What is cheap to refuse is refused before
anything is fetched or computed, and the payload is parsed only after the signature is verified: a
forged token pays for its header alone. With several issuers the payload is searched for the name of
one, to choose the keys to begin with; once it is parsed, the token must have been signed with a key
of the issuer that it claims.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from kinde_guard.jose.compact_jws import CompactJws, ascii_bytes, check_signature, parse
from kinde_guard.jose.strict_json import parse_object_or_none
from kinde_guard.keys import RemoteKeySet
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.verification.claims import ClaimsPolicy
from kinde_guard.verification.entitlements import is_user, permission_names
from kinde_guard.verification.scopes import granted_scopes
from kinde_guard.verification.token_cache import TokenCache, VerifiedToken, join_scopes
from kinde_guard.vocabulary.errors import InvalidToken, MalformedToken, UnsupportedAlgorithm
from kinde_guard.vocabulary.events import Recorder
from kinde_guard.vocabulary.extensions import Revocations, RevocationSnapshot
from kinde_guard.vocabulary.settings import Settings

MAX_SCOPES = 1000
"""Scopes that a token may be granted."""

# RFC 9068, 2.1, and what Kinde writes; RFC 7515, 4.1.9: "application/" may be left out, and media
# types have no case.
_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})

# Headers of verified tokens: one for each signing key, so a few are many.
_MAX_HEADERS = 16


class Verifier:
    """Verifies access tokens.

    Args:
        settings: algorithms, audience, leeway, sizes and revocations.
        key_sets: the keys of each trusted issuer.
        recorder: counts what is accepted.
    """

    def __init__(
        self, settings: Settings, key_sets: Mapping[str, RemoteKeySet], recorder: Recorder
    ) -> None:
        self._max_bytes = settings.max_token_bytes
        self._scope_claims = settings.scope_claims
        self._permissions_as_scopes = settings.permissions_as_scopes
        self._leeway = settings.leeway
        self._key_sets = key_sets
        self._first_key_set = key_sets[settings.issuer]
        self._quoted = tuple((f'"{name}"'.encode(), keys) for name, keys in key_sets.items())
        self._claimed = tuple(
            (re.compile(rb'"iss"\s*:\s*' + re.escape(quoted)), keys)
            for quoted, keys in self._quoted
        )
        self._recorder = recorder
        self._clock = settings.clock
        self._cache = TokenCache(settings.token_cache_size, settings.clock)
        self._revocations: Revocations | None = settings.revocations
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
        """The rules that the claims must meet."""
        return self._policy

    async def verify(self, raw: str | bytes) -> AccessToken:
        """Verify a token; one that was verified before is only looked up.

        Args:
            raw: the token, ``header.payload.signature``.

        Raises:
            InvalidToken: the token is refused; the class is the reason.
            TemporarilyUnavailable: keys or revocations cannot be had at the moment.
        """
        token = raw if isinstance(raw, bytes) else ascii_bytes(raw)
        if len(token) > self._max_bytes:
            raise MalformedToken
        digest = sha256(token).digest()
        entry = self._cache.get(digest)
        if entry is None:
            on_duration = self._recorder.on_duration
            if on_duration is None:
                verified = await self._verify_unseen(token, digest)
            else:
                verified = await self._verify_timed(token, digest, on_duration)
            self._recorder.verified(cached=False)
            return verified
        revocations = self._revocations
        if revocations is not None and revocations.snapshot is not entry.revocations:
            await self._check_again(token, digest, entry, revocations)
        self._recorder.verified(cached=True)
        return AccessToken.verified(token.decode(), self._cache.scopes_of(entry))

    def check_size(self, raw: str | bytes) -> bytes:
        """Return a token as bytes.

        Raises:
            MalformedToken: it is larger than ``max_token_bytes``, or not ASCII text.
        """
        token = raw if isinstance(raw, bytes) else ascii_bytes(raw)
        if len(token) > self._max_bytes:
            raise MalformedToken
        return token

    def key_set_for(self, claims: Mapping[str, Any]) -> RemoteKeySet:
        """Return the keys with which a token must be signed, by the issuer that it claims.

        For an issuer that is not trusted these are the first one's keys; the claims are checked
        after the signature.
        """
        issuer = claims.get("iss")
        return self._key_sets.get(issuer if isinstance(issuer, str) else "", self._first_key_set)

    def granted(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """Return the scopes that a token is granted with these settings.

        Raises:
            MalformedToken: there are more than :data:`MAX_SCOPES`.
        """
        scopes = granted_scopes(claims, self._scope_claims)
        if self._permissions_as_scopes and is_user(claims):
            scopes |= permission_names(claims)
        if len(scopes) > MAX_SCOPES:
            raise MalformedToken
        return scopes

    async def check_revocation(self, claims: Mapping[str, Any]) -> RevocationSnapshot | None:
        """Check verified claims against the revocations in force, and return those.

        Returns:
            ``None`` where the guard has no revocations.

        Raises:
            RevokedToken: the token, its user, organization or application was revoked.
            InvalidClaim: it lives longer than revocations are kept.
            RevocationsUnavailable: there are no revocations that may be used.
        """
        if self._revocations is None:
            return None
        snapshot = await _current(self._revocations)
        snapshot.check(claims)
        return snapshot

    async def _verify_timed(
        self, token: bytes, digest: bytes, on_duration: Callable[[float], None]
    ) -> AccessToken:
        started = time.perf_counter()
        try:
            return await self._verify_unseen(token, digest)
        finally:
            on_duration(time.perf_counter() - started)

    async def _verify_unseen(self, token: bytes, digest: bytes) -> AccessToken:
        parsed = parse(token, self._headers)
        check_type(parsed.header)
        if parsed.algorithm not in self._algorithms:
            raise UnsupportedAlgorithm
        key_id = parsed.key_id
        tried = self._key_set_to_try(parsed)
        key = check_signature(parsed, tried.find_cached(key_id) or await tried.find(key_id))
        claims = parse_claims(parsed.payload)
        key_set = self.key_set_for(claims)
        if key_set is not tried:
            key = check_signature(parsed, await key_set.find(key_id))
        self._policy.check(claims, self._clock())
        scopes = self.granted(claims)
        revocations = None
        if self._revocations is not None:
            revocations = await self.check_revocation(claims)
        self._learn_header(parsed)
        self._remember(digest, claims, scopes, key_set, key.fingerprint, revocations)
        return AccessToken.verified(token.decode(), scopes, claims)

    def _key_set_to_try(self, token: CompactJws) -> RemoteKeySet:
        if len(self._quoted) == 1:
            return self._first_key_set
        # A hint only: parsing a payload before its signature is verified may cost many signatures.
        payload = token.payload.replace(b"\\/", b"/")
        named = [keys for quoted, keys in self._quoted if quoted in payload]
        if len(named) > 1:
            # Another claim names an issuer too.
            named = [keys for pattern, keys in self._claimed if pattern.search(payload)] or named
        if len(named) == 1:
            return named[0]
        key_sets = named or [keys for _, keys in self._quoted]
        return next((keys for keys in key_sets if keys.find_cached(token.key_id)), key_sets[0])

    async def _check_again(
        self, token: bytes, digest: bytes, entry: VerifiedToken, revocations: Revocations
    ) -> None:
        snapshot = await _current(revocations)
        if snapshot is entry.revocations:
            return
        try:
            snapshot.check(parse_claims(parse(token, self._headers).payload))
        except InvalidToken:
            self._cache.remove(digest)
            raise
        entry.revocations = snapshot

    def _remember(
        self,
        digest: bytes,
        claims: Mapping[str, Any],
        scopes: frozenset[str],
        key_set: RemoteKeySet,
        fingerprint: bytes,
        revocations: RevocationSnapshot | None,
    ) -> None:
        text = join_scopes(scopes)
        if text is None:
            return
        begins_at = max(claims.get("nbf", 0), claims.get("iat", 0)) - self._leeway
        ends_at = claims["exp"] + self._leeway
        entry = VerifiedToken(text, key_set, fingerprint, begins_at, ends_at, revocations)
        self._cache.put(digest, entry)

    def _learn_header(self, token: CompactJws) -> None:
        if token.header_segment in self._headers:
            return
        if len(self._headers) >= _MAX_HEADERS:
            self._headers.clear()
        self._headers[token.header_segment] = token.header


def check_type(header: Mapping[str, Any]) -> None:
    """Check that a header is that of an access token, as far as it tells.

    Raises:
        MalformedToken: ``typ`` names another type.

    Source: RFC 8725, section 3.11; RFC 9068, section 2.1.
    """
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise MalformedToken


def parse_claims(payload: bytes) -> dict[str, Any]:
    """Return the claims in a payload; nothing is verified.

    Raises:
        MalformedToken: the payload is not a JSON object.
    """
    claims = parse_object_or_none(payload)
    if claims is None:
        raise MalformedToken
    return claims


async def _current(revocations: Revocations) -> RevocationSnapshot:
    snapshot = revocations.snapshot
    return await revocations.current() if snapshot is None else snapshot
