"""The guard: one object that holds the settings, the keys and the verdicts of one API.

Make it once, beside the application, and install it. It may be made at import, used from several
event loops, threads and forked workers, and closed and used again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware

from kinde_guard.asgi.public_paths import PublicPaths
from kinde_guard.asgi.responses import answer_refusal
from kinde_guard.keys import RemoteKeySet
from kinde_guard.middleware import KindeGuardMiddleware
from kinde_guard.openapi import document
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.verification.verifier import Verifier
from kinde_guard.vocabulary.errors import (
    ConfigurationError,
    GuardError,
    KeysUnavailable,
)
from kinde_guard.vocabulary.events import GuardEvent, GuardStats, Recorder
from kinde_guard.vocabulary.settings import Settings

if TYPE_CHECKING:
    import httpx

    from kinde_guard.vocabulary.extensions import ApiKeyVerifier, Revocations

logger = logging.getLogger("kinde_guard")


class GuardOptions(TypedDict, total=False):
    """The types of a guard's optional settings; :class:`Settings` says what each is for."""

    issuers: Sequence[str]
    algorithms: Sequence[str]
    leeway: float
    scope_claims: Sequence[str]
    permissions_as_scopes: bool
    jwks_url: str | None
    jwks_max_age: float
    jwks_stale_for: float
    jwks_cooldown: float
    jwks_timeout: float
    jwks_max_bytes: int
    token_cache_size: int
    max_token_bytes: int
    public_paths: Sequence[str]
    unverified_paths: Sequence[str]
    protect_docs: bool
    fail_fast: bool
    close_on_expiry: bool
    realm: str
    http_hosts: Sequence[str]
    resource: str | None
    resource_name: str | None
    api_keys: ApiKeyVerifier | None
    revocations: Revocations | None
    clock: Callable[[], float]
    monotonic: Callable[[], float]
    http_client: httpx.AsyncClient | None
    on_event: Callable[[GuardEvent], None] | None


class KindeGuard:
    """Verifies Kinde's access tokens for one API.

    Args:
        domain: the tenant, ``acme.kinde.com`` or ``https://acme.kinde.com``.
        audience: what this API is called in Kinde, one name or several. ``None`` accepts tokens for
            any audience; that must be said, it is no default.
        options: see :class:`GuardOptions`.

    Raises:
        ConfigurationError: a setting makes no sense; the message names it.

    Source: RFC 6750; RFC 8725; Kinde, "Verifying JSON web tokens".

    Example:
        >>> from fastapi import Depends, FastAPI
        >>> from kinde_guard import require_scopes
        >>> guard = KindeGuard("acme.kinde.com", audience="https://api.acme.com")
        >>> app = FastAPI()
        >>> guard.install(app)
        >>> @app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
        ... async def list_users() -> list[str]:
        ...     return []
    """

    def __init__(
        self,
        domain: str,
        *,
        audience: str | Sequence[str] | None,
        **options: Unpack[GuardOptions],
    ) -> None:
        self.settings = Settings(domain=domain, audience=audience, **options)
        self._recorder = Recorder(self.settings.on_event)
        self._key_sets = {
            issuer: self._remote_keys(issuer, url)
            for issuer, url in self.settings.jwks_urls.items()
        }
        self.verifier = Verifier(self.settings, self._key_sets, self._recorder)

    @classmethod
    def from_env(cls, **settings: Any) -> Self:  # noqa: ANN401 - any setting
        """Make a guard from the environment.

        Reads ``KINDE_DOMAIN`` or ``KINDE_ISSUER_URL``, and ``KINDE_AUDIENCE`` (several are
        separated by white space).

        Args:
            settings: settings as of :class:`KindeGuard`; they go before the environment.

        Raises:
            ConfigurationError: a variable is missing, or a setting makes no sense.

        Source: Kinde's SDKs, which read the same variables.

        Example:
            >>> import os
            >>> os.environ |= {"KINDE_DOMAIN": "acme.kinde.com", "KINDE_AUDIENCE": "users-api"}
            >>> KindeGuard.from_env(leeway=0).issuer
            'https://acme.kinde.com'
        """
        if "domain" not in settings:
            settings["domain"] = _variable("KINDE_DOMAIN", "KINDE_ISSUER_URL")
        if "audience" not in settings:
            settings["audience"] = _variable("KINDE_AUDIENCE").split()
        return cls(**settings)

    @property
    def issuer(self) -> str:
        """The exact issuer, ``https://acme.kinde.com``."""
        return self.settings.issuer

    @property
    def ready(self) -> bool:
        """Whether every issuer's keys are in hand and within their limit.

        Asking also starts a refresh that is due, so a readiness probe ends an outage that keeps
        all other traffic away.
        """
        for keys in self._key_sets.values():
            keys.refresh_soon()
        return all(keys.usable for keys in self._key_sets.values())

    @property
    def stats(self) -> GuardStats:
        """The counters as they are now."""
        ages = [keys.age for keys in self._key_sets.values()]
        return self._recorder.snapshot(max((age for age in ages if age is not None), default=None))

    def install(self, app: Starlette) -> None:
        """Protect a FastAPI or Starlette application.

        Adds the middleware as the innermost one, so that the headers of CORS and others stand on
        refusals too; a handler for refusals that the application's own code raises; and, with
        FastAPI, the guard's part of the OpenAPI document. The docs become public paths unless
        ``protect_docs`` is set.

        Args:
            app: an application that has not started yet.

        Raises:
            ConfigurationError: it is no such application, has started, or has a guard already.

        Source: FastAPI, "Advanced Middleware".
        """
        _check_installable(app)
        docs = () if self.settings.protect_docs else _docs_paths(app)
        middleware = Middleware(KindeGuardMiddleware, guard=self, public_paths=docs)
        app.user_middleware.append(middleware)
        app.exception_handlers.setdefault(GuardError, answer_refusal)
        if isinstance(app, FastAPI):
            document(app, self, PublicPaths((*self.settings.public_paths, *docs)))

    async def verify(self, raw: str | bytes) -> AccessToken:
        """Verify a token, for uses outside of HTTP.

        Args:
            raw: the token alone, ``header.payload.signature``.

        Raises:
            InvalidToken: the token is refused; the class says why.
            KeysUnavailable: nothing can be decided at the moment.

        Source: RFC 7519, section 7.2; RFC 8725.

        Example:
            >>> import asyncio
            >>> from kinde_guard import InvalidToken
            >>> guard = KindeGuard("acme.kinde.com", audience="https://api.acme.com")
            >>> try:
            ...     asyncio.run(guard.verify("no token"))
            ... except InvalidToken as error:
            ...     error.reason
            'malformed_token'
        """
        try:
            return await self.verifier.verify(raw)
        except GuardError as error:
            self.refused(error)
            raise

    def refused(self, error: GuardError) -> None:
        """Count a refusal, for the middleware and the dependencies."""
        self._recorder.refused(error.reason)

    async def warm(self) -> None:
        """Fetch the keys that are not in hand yet.

        Raises:
            KeysUnavailable: those of an issuer cannot be had.
        """
        missing = [keys for keys in self._key_sets.values() if not keys.usable]
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

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<KindeGuard for {self.issuer}>"

    def _remote_keys(self, issuer: str, url: str) -> RemoteKeySet:
        settings = self.settings

        def on_fetch(succeeded: bool) -> None:
            self._recorder.fetched(issuer, succeeded=succeeded)

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


def _variable(*names: str) -> str:
    for name in names:
        value = os.environ.get(name, "").strip()
        if value:
            return value
    raise ConfigurationError(f"set the environment variable {' or '.join(names)}")


def _check_installable(app: object) -> None:
    if not isinstance(app, Starlette):
        given = type(app).__name__
        raise ConfigurationError(
            f"app: {given} was given, but it must be a FastAPI or Starlette application; "
            "wrap others: KindeGuardMiddleware(app, guard=guard)"
        )
    if app.middleware_stack is not None:
        raise ConfigurationError("app: it has started already; install the guard before that")
    installed: list[object] = [middleware.cls for middleware in app.user_middleware]
    if KindeGuardMiddleware in installed:
        raise ConfigurationError("app: it has a guard already; to trust more issuers use issuers=")


def _docs_paths(app: Starlette) -> tuple[str, ...]:
    # FastAPI serves no docs without an OpenAPI document, and no redirect page without the docs.
    if not isinstance(app, FastAPI) or not app.openapi_url:
        return ()
    redirect = app.swagger_ui_oauth2_redirect_url if app.docs_url else None
    paths = (app.openapi_url, app.docs_url, redirect, app.redoc_url)
    return tuple(path for path in paths if path)
