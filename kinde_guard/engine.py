"""The guard that needs no application: keys, verification, checks, readiness and counters.

Make it once and use it from several event loops, threads and forked workers; it may be closed and
used again. :class:`~kinde_guard.KindeGuard` is this engine plus what installs it in an application.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import Self

from kinde_guard.jose.compact_jws import decode_payload
from kinde_guard.jose.strict_json import parse_object_or_none
from kinde_guard.keys import RemoteKeySet
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.verification.verifier import Verifier
from kinde_guard.vocabulary.errors import (
    ExpiredToken,
    GuardError,
    ImmatureToken,
    InvalidClaim,
    KeysUnavailable,
    RevokedToken,
    WrongAudience,
    WrongIssuer,
)
from kinde_guard.vocabulary.events import NO_IDS, CredentialIds, GuardStats, Recorder
from kinde_guard.vocabulary.extensions import BoundApiKeys, Credential, PresentedApiKey
from kinde_guard.vocabulary.settings import Settings
from kinde_guard.vocabulary.urls import metadata_url

logger = logging.getLogger("kinde_guard")

_AFTER_SIGNATURE = (
    ExpiredToken,
    ImmatureToken,
    InvalidClaim,
    RevokedToken,
    WrongAudience,
    WrongIssuer,
)
"""Rejections of tokens whose signature is right."""


class GuardEngine:
    """Verifies credentials for one API, without any web application.

    Args:
        settings: checked and frozen.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.warn_of_plain_http()
        self.recorder = Recorder(settings.on_event, monotonic=settings.monotonic)
        self._key_sets = {
            issuer: self._remote_keys(issuer, url) for issuer, url in settings.jwks_urls.items()
        }
        self.verifier = Verifier(settings, self._key_sets, self.recorder)
        api_keys = settings.api_keys
        self._api_keys = None
        self.api_key_header: bytes | None = None
        if api_keys is not None:
            self._api_keys = api_keys.bind(settings.issuer, settings.audience, settings.monotonic)
            if api_keys.header is not None:
                self.api_key_header = api_keys.header.lower().encode()
        resource = settings.resource
        self.resource_metadata_url = None if resource is None else metadata_url(resource)

    @property
    def issuer(self) -> str:
        """The exact issuer, ``https://acme.kinde.com``."""
        return self.settings.issuer

    @property
    def keys(self) -> RemoteKeySet:
        """The key set of the guard's own tenant."""
        return self._key_sets[self.issuer]

    @property
    def ready(self) -> bool:
        """Whether every issuer's keys are in hand and within their limit.

        Asking also starts a refresh that is due, so a readiness probe ends an outage that keeps
        all other traffic away.
        """
        for keys in self._key_sets.values():
            keys.refresh_soon()
        return all(keys.is_usable for keys in self._key_sets.values())

    @property
    def stats(self) -> GuardStats:
        """The counters as they are now."""
        ages = [keys.age for keys in self._key_sets.values()]
        key_age = max((age for age in ages if age is not None), default=None)
        revocations = self.settings.revocations
        return self.recorder.snapshot(key_age, None if revocations is None else revocations.age)

    async def verify(self, raw: str | bytes) -> AccessToken:
        """Verify a credential, for uses outside of HTTP.

        Args:
            raw: an access token alone, ``header.payload.signature``, or a Kinde API key where the
                guard accepts those.

        Raises:
            InvalidToken: the credential is rejected; the class says why.
            TemporarilyUnavailable: nothing can be decided at the moment.

        Source: RFC 7519, section 7.2; RFC 8725.

        Example:
            >>> import asyncio
            >>> from kinde_guard import InvalidToken, KindeGuard
            >>> guard = KindeGuard("acme.kinde.com", audience="https://api.acme.com")
            >>> try:
            ...     asyncio.run(guard.verify("no token"))
            ... except InvalidToken as error:
            ...     error.reason
            'malformed_token'
        """
        try:
            token = await self.authenticate(raw)
        except GuardError as error:
            self.complete(error)
            self.recorder.rejected(error.reason, error.status, ids=self.credential_ids(raw, error))
            self.recorder.request_ended(error.reason)
            raise
        self.recorder.request_ended(None)
        return token

    def authenticate(self, credential: Credential) -> Awaitable[AccessToken]:
        """Verify a credential as :meth:`verify` does, without recording a rejection.

        Args:
            credential: a bearer credential, which is an API key if it has no dot and the guard
                accepts those; or an API key from its own header.
        """
        api_keys = self._api_keys
        if api_keys is None:
            # No key's header is read without api_keys; a key from there would be no token.
            return self.verifier.verify(b"" if isinstance(credential, tuple) else credential)
        if isinstance(credential, PresentedApiKey):
            return self._verify_api_key(api_keys, credential.value)
        if _has_no_dot(credential):
            return self._verify_api_key(api_keys, credential)
        return self.verifier.verify(credential)

    async def _verify_api_key(self, api_keys: BoundApiKeys, key: str | bytes) -> AccessToken:
        value = key if isinstance(key, bytes) else key.encode("utf-8", "surrogatepass")
        identity = api_keys.find_cached(value) or await api_keys.verify(value)
        await self.verifier.check_revocation(identity.claims)
        self.recorder.verified(cached=False)
        return AccessToken.of_api_key(identity.claims, identity.scopes)

    def complete(self, error: GuardError, scope: str | None = None) -> GuardError:
        """Add to a rejection's challenge what this guard knows: realm and resource metadata.

        Args:
            error: made anywhere.
            scope: the scopes that the request needs, space separated, where the error does not
                name them itself.
        """
        error.set_challenge(
            realm=self.settings.realm,
            scope=scope,
            resource_metadata=self.resource_metadata_url,
        )
        return error

    def credential_ids(self, raw: Credential | None, error: GuardError) -> CredentialIds:
        """Return the ids of a rejected token; none unless its signature is right."""
        if not self.recorder.reports_ids or not isinstance(error, _AFTER_SIGNATURE):
            return NO_IDS
        if raw is None or isinstance(raw, PresentedApiKey) or _has_no_dot(raw):
            return NO_IDS
        text = raw if isinstance(raw, str) else raw.decode("ascii", "replace")
        claims = parse_object_or_none(decode_payload(text)) or {}
        return CredentialIds.of(claims)

    async def warm(self) -> None:
        """Fetch the keys that are not in hand yet.

        Raises:
            KeysUnavailable: those of an issuer cannot be had.
        """
        missing = [keys for keys in self._key_sets.values() if not keys.is_usable]
        for keys in missing:
            keys.refresh_soon()
        failure: KeysUnavailable | None = None
        for keys in missing:
            # Each fetch is under way already, and is waited for even when another one failed.
            try:
                await keys.current()
            except KeysUnavailable as error:
                failure = failure or error
        if failure is not None:
            raise failure

    async def start(self) -> None:
        """Fetch the keys before the application starts.

        Raises:
            KeysUnavailable: they cannot be had, and ``fail_fast`` is set.
        """
        try:
            await self.warm()
        except KeysUnavailable:
            if self.settings.fail_fast:
                raise
            logger.warning("no keys yet; requests are answered with 503 until they come")

    async def aclose(self) -> None:
        """End what is under way in this event loop. The guard can be used again afterwards."""
        for keys in self._key_sets.values():
            await keys.aclose()
        if self._api_keys is not None:
            await self._api_keys.aclose()
        if self.settings.revocations is not None:
            await self.settings.revocations.aclose()
        self.recorder.flush()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {self.issuer}>"

    def _remote_keys(self, issuer: str, url: str) -> RemoteKeySet:
        settings = self.settings

        def on_fetch(succeeded: bool) -> None:
            self.recorder.keys_fetched(issuer, succeeded=succeeded)

        return RemoteKeySet(
            url,
            max_age=settings.jwks_max_age,
            stale_for=settings.jwks_stale_for,
            cooldown=settings.jwks_cooldown,
            timeout=settings.jwks_timeout,
            max_bytes=settings.jwks_max_bytes,
            http_client=settings.http_client,
            monotonic=settings.monotonic,
            on_fetch=on_fetch,
        )


def _has_no_dot(raw: str | bytes) -> bool:
    return "." not in raw if isinstance(raw, str) else b"." not in raw
