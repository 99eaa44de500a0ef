"""The guard: the engine, and what installs it in an application.

Make it once, beside the application, and install it. It may be made at import, used from several
event loops, threads and forked workers, and closed and used again.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from kinde_guard.asgi.rejections import answer_rejection
from kinde_guard.asgi.resource_metadata import resource_metadata
from kinde_guard.engine import GuardEngine
from kinde_guard.middleware import KindeGuardMiddleware
from kinde_guard.openapi import document, sign_in_from_docs
from kinde_guard.requirements.before_routing import scopes_supported
from kinde_guard.vocabulary.errors import ConfigurationError, GuardError
from kinde_guard.vocabulary.events import GuardEvent
from kinde_guard.vocabulary.settings import SETTING_NAMES, Settings

if TYPE_CHECKING:
    import httpx

    from kinde_guard.vocabulary.extensions import ApiKeyVerifier, Revocations


_DOMAIN_VARIABLES = ("KINDE_DOMAIN", "KINDE_ISSUER_URL", "KINDE_HOST")
_FROM_ENVIRONMENT: Any = object()


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


class KindeGuard(GuardEngine):
    """Verifies Kinde's access tokens for one API, and API keys where that is wanted.

    Args:
        domain: the tenant, ``acme.kinde.com`` or ``https://acme.kinde.com``.
        audience: what this API is called in Kinde, one name or several. ``None`` accepts tokens for
            any audience; that must be written, it is no default.
        options: the other settings; see :class:`~kinde_guard.vocabulary.settings.Settings`.

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
        _check_names(options)
        super().__init__(Settings(domain=domain, audience=audience, **options))
        self._application: Starlette | None = None

    @classmethod
    def from_env(
        cls,
        *,
        domain: str = _FROM_ENVIRONMENT,
        audience: str | Sequence[str] | None = _FROM_ENVIRONMENT,
        **options: Unpack[GuardOptions],
    ) -> Self:
        """Make a guard from the environment.

        Reads ``KINDE_DOMAIN``, ``KINDE_ISSUER_URL`` or ``KINDE_HOST``, and ``KINDE_AUDIENCE``
        (several are separated by white space).

        Args:
            domain: as of :class:`KindeGuard`, instead of the environment.
            audience: likewise.
            options: the other settings.

        Raises:
            ConfigurationError: a variable is missing, or a setting makes no sense.

        Source: Kinde's SDKs, which read the same variables.

        Example:
            >>> import os
            >>> os.environ |= {"KINDE_DOMAIN": "acme.kinde.com", "KINDE_AUDIENCE": "users-api"}
            >>> KindeGuard.from_env(leeway=0).issuer
            'https://acme.kinde.com'
        """
        return cls(
            _variable(*_DOMAIN_VARIABLES) if domain is _FROM_ENVIRONMENT else domain,
            audience=(
                _variable("KINDE_AUDIENCE").split() if audience is _FROM_ENVIRONMENT else audience
            ),
            **options,
        )

    def install(self, app: Starlette, *, docs_client_id: str | None = None) -> None:
        """Protect a FastAPI or Starlette application.

        Adds the middleware as the innermost one, so that the headers of CORS and others stand on
        rejections too, unless ``app.add_middleware(KindeGuardMiddleware, guard=guard)`` has given
        it another place; a handler for rejections; and, with FastAPI, the guard's part of the
        OpenAPI document. The docs become public paths unless ``protect_docs`` is set.

        Args:
            app: an application that has not started yet.
            docs_client_id: a front-end application of the tenant (without a secret) with which
                people sign in from ``/docs``; its allowed callbacks must hold the address of
                ``/docs/oauth2-redirect``.

        Raises:
            ConfigurationError: it is no such application, has started, or has a guard already.

        Source: FastAPI, "Advanced Middleware"; Swagger UI, "OAuth 2.0 configuration".
        """
        _check_installable(app)
        options = _own_middleware(app, self)
        if options is None:
            options = {"guard": self}
            app.user_middleware.append(Middleware(KindeGuardMiddleware, **options))
            options = app.user_middleware[-1].kwargs
        if options.get("documented") is not None:
            raise ConfigurationError("app: this guard is installed in it already")
        options["documented"] = app
        app.exception_handlers.setdefault(GuardError, answer_rejection)
        self._application = app
        if isinstance(app, FastAPI):
            if docs_client_id is not None:
                sign_in_from_docs(app, self, docs_client_id)
            document(app, self, docs_client_id=docs_client_id)

    def resource_metadata_routes(self) -> list[BaseRoute]:
        """Return the resource metadata as routes, for the application at the root of the host.

        Only needed where the guard is inside of a mounted application, which does not see the
        well-known path; a guard at the root answers it by itself.

        Raises:
            ConfigurationError: the guard has no ``resource``.

        Source: RFC 9728, section 3.1.

        Example:
            >>> from starlette.applications import Starlette
            >>> guard = KindeGuard(
            ...     "acme.kinde.com", audience="mcp", resource="https://api.acme.com/mcp"
            ... )
            >>> app = Starlette(routes=guard.resource_metadata_routes())
        """
        metadata = resource_metadata(self, lambda: scopes_supported(self._application))
        if metadata is None:
            raise ConfigurationError("resource: set it, so that there is metadata to serve")
        return metadata.routes()


def _variable(*names: str) -> str:
    for name in names:
        value = os.environ.get(name, "").strip()
        if value:
            return value
    raise ConfigurationError(f"set the environment variable {' or '.join(names)}")


def _check_names(options: Mapping[str, Any]) -> None:
    for name in options:
        if name not in SETTING_NAMES:
            near = difflib.get_close_matches(name, SETTING_NAMES, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"KindeGuard has no setting {name!r}{hint}")


def _own_middleware(app: Starlette, guard: KindeGuard) -> dict[str, Any] | None:
    """Return the options of a middleware that was added by hand for this guard."""
    for middleware in app.user_middleware:
        if isinstance(middleware.cls, type) and issubclass(middleware.cls, KindeGuardMiddleware):
            options: dict[str, Any] = middleware.kwargs
            if options.get("guard") is not guard:
                raise ConfigurationError(
                    "app: it has a guard already; to trust more issuers use issuers="
                )
            return options
    return None


def _check_installable(app: object) -> None:
    if not isinstance(app, Starlette):
        given = type(app).__name__
        raise ConfigurationError(
            f"app: {given} was given, but it must be a FastAPI or Starlette application; "
            "wrap others: KindeGuardMiddleware(app, guard=guard)"
        )
    if app.middleware_stack is not None:
        raise ConfigurationError("app: it has started already; install the guard before that")
