"""``ClientCredentials``: a caller's tokens, as the ``auth`` of an httpx client.

The token goes wherever the client is sent, so give each client the ``base_url`` of its API. httpx
takes the header off when it follows a redirect to another origin, and a 401 from there says nothing
about a token that it never saw: it is handed back as it is.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Collection, Generator, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Self

from kinde_guard.client.auth_base import AuthBase, is_rewindable
from kinde_guard.client.configuration import (
    check_audience,
    check_client_id,
    check_client_secret,
    check_http_hosts,
    check_scopes,
    check_seconds,
    read_variable,
)
from kinde_guard.client.grant import TokenGrant
from kinde_guard.client.launch import Launcher
from kinde_guard.client.token_answer import AnswerReader
from kinde_guard.client.token_request import TokenRequest
from kinde_guard.client.token_source import TokenSource
from kinde_guard.vocabulary.clocks import monotonic_time, system_time
from kinde_guard.vocabulary.urls import issuer_url

if TYPE_CHECKING:
    import httpx
    import httpx2

logger = logging.getLogger("kinde_guard.client")

TOKEN_PATH: Final = "/oauth2/token"  # noqa: S105 - an address


class ClientCredentials(AuthBase):
    """Gets tokens for a machine-to-machine application and puts them on its requests.

    One object serves ``httpx.Client`` and ``httpx.AsyncClient`` (and those of httpx2, where it is
    installed), any number of each, in any threads and event loops. Make it once and share it,
    because Kinde bills each token request.

    A 401 from the API drops the token and sends the request once more with another one. It is not
    sent again where its body is a stream (a generator or an upload), which can be sent only once,
    nor where the answer came by way of a redirect: the 401 is handed back, and the next request
    gets the new token.

    Args:
        domain: ``acme.kinde.com``, or its ``https://`` URL; ``http://`` for loopback hosts and
            those in ``http_hosts`` only.
        client_id: of the application.
        client_secret: of the application. It shows nowhere but in the token request's body.
        audience: of the API that is called; a sequence asks for one token for several.
        scopes: the scopes to ask for; None for all that the application was granted.
        timeout: seconds for a whole token request.
        refusal_cooldown: seconds after a 401 made it drop a token before another 401 may.
        http_hosts: hosts besides loopback that may be reached by plain http, such as ``["kinde"]``
            in a Compose network; a warning that names them is logged.
        clock: epoch seconds, for the life of tokens; None for that of the system.
        monotonic: seconds, for pauses; None for that of the system.
        http_client: sends the token requests of sync callers, if given; it stays open. Use it for
            proxies, certificates or tests. Without one, loopback is never asked through a proxy.
        async_http_client: the same for async callers, in the caller's event loop. With only one of
            the two, the other kind of caller uses ``http_client``, or else none.

    Raises:
        ConfigurationError: an argument makes no sense.

    Source: RFC 6749, section 4.4; Kinde, "Machine to machine applications".

    Example:
        >>> auth = ClientCredentials(
        ...     "acme.kinde.com",
        ...     client_id="0123abcd",
        ...     client_secret="s3cret",
        ...     audience="https://api.acme.com",
        ...     scopes=["read:users"],
        ... )
        >>> import httpx
        >>> client = httpx.Client(base_url="https://api.acme.com", auth=auth)
        >>> auth
        ClientCredentials('https://acme.kinde.com', client_id='0123abcd', \
audience=('https://api.acme.com',), scopes=('read:users',))
    """

    def __init__(  # noqa: PLR0913 - one parameter a setting
        self,
        domain: str,
        *,
        client_id: str,
        client_secret: str,
        audience: str | Sequence[str],
        scopes: Collection[str] | None = None,
        timeout: float = 10,
        refusal_cooldown: float = 30,
        http_hosts: Sequence[str] = (),
        clock: Callable[[], float] | None = None,
        monotonic: Callable[[], float] | None = None,
        http_client: httpx.Client | httpx2.Client | None = None,
        async_http_client: httpx.AsyncClient | httpx2.AsyncClient | None = None,
    ) -> None:
        plain = check_http_hosts(http_hosts)
        self.issuer = issuer_url("domain", domain, plain)
        self.client_id = check_client_id(client_id)
        self.audience = check_audience(audience)
        self.scopes = check_scopes(scopes)
        reader = AnswerReader(
            self.issuer + TOKEN_PATH, self.scopes, check_client_secret(client_secret)
        )
        whole = check_seconds("timeout", timeout, above=True)
        request = TokenRequest(reader, self.client_id, self.audience, whole, clock or system_time)
        self._source = TokenSource(
            request,
            Launcher(request, http_client, async_http_client),
            monotonic=monotonic or monotonic_time,
            refusal_cooldown=check_seconds("refusal_cooldown", refusal_cooldown),
        )
        _warn_of_plain_http(plain)

    @classmethod
    def from_env(cls, **settings: Any) -> Self:  # noqa: ANN401 - any argument
        """Make one from the environment.

        Reads ``KINDE_DOMAIN`` (or ``KINDE_ISSUER_URL``, or ``KINDE_HOST``), ``KINDE_CLIENT_ID``,
        ``KINDE_CLIENT_SECRET`` and ``KINDE_AUDIENCE`` (several are separated by white space).

        Args:
            settings: arguments as of :class:`ClientCredentials`; they go before the environment.

        Raises:
            ConfigurationError: a variable is missing, or an argument makes no sense.

        Source: Kinde's SDKs, which read the same variables.

        Example:
            >>> import os
            >>> os.environ |= {"KINDE_DOMAIN": "acme.kinde.com", "KINDE_CLIENT_ID": "0123abcd"}
            >>> os.environ |= {"KINDE_CLIENT_SECRET": "s3cret", "KINDE_AUDIENCE": "users-api"}
            >>> ClientCredentials.from_env(scopes=["read:users"]).audience
            ('users-api',)
        """
        if "domain" not in settings:
            settings["domain"] = read_variable("KINDE_DOMAIN", "KINDE_ISSUER_URL", "KINDE_HOST")
        for name in ("client_id", "client_secret"):
            if name not in settings:
                settings[name] = read_variable(f"KINDE_{name.upper()}")
        if "audience" not in settings:
            settings["audience"] = read_variable("KINDE_AUDIENCE").split()
        return cls(**settings)

    def fetch(self) -> TokenGrant:
        """Return the grant in hand; ask for one, or wait for it, only if there is none.

        Raises:
            TokenRequestError: Kinde refused; the error says what it said and what to do.
            ScopeNotGranted: the token lacks a scope that was asked for.
            TokenEndpointUnavailable: Kinde cannot be reached, is too slow, or answers garbage.

        Example:
            >>> from kinde_guard.local import LocalKinde
            >>> with LocalKinde() as kinde:
            ...     application = kinde.applications[0]
            ...     auth = ClientCredentials(
            ...         kinde.issuer,
            ...         client_id=application.client_id,
            ...         client_secret=application.client_secret,
            ...         audience=kinde.audience,
            ...         scopes=["read:users"],
            ...     )
            ...     (auth.fetch() is auth.fetch(), auth.fetch().scopes, kinde.token_requests)
            (True, frozenset({'read:users'}), 1)
        """
        return self._source.current_or_none or self._source.fetch()

    async def afetch(self) -> TokenGrant:
        """Return what ``fetch`` does, without blocking the event loop. Raises as it does."""
        return self._source.current_or_none or await self._source.afetch()

    def forget(self) -> None:
        """Drop the token in hand and the memory of failures; the next caller asks Kinde anew.

        For when something changed at Kinde's end, such as the scopes that were granted.
        """
        self._source.forget()

    # Typed for the requests and answers of httpx and httpx2 alike.

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:  # noqa: ANN401
        """Serve ``httpx.Client``."""
        grant = self.fetch()
        _authorize(request, grant)
        response = yield request
        if self._rejects(response, grant) and _may_repeat(request, response):
            _authorize(request, self.fetch())
            yield request

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:  # noqa: ANN401
        """Serve ``httpx.AsyncClient``."""
        grant = await self.afetch()
        _authorize(request, grant)
        response = yield request
        if self._rejects(response, grant) and _may_repeat(request, response):
            _authorize(request, await self.afetch())
            yield request

    def _rejects(self, response: httpx.Response, grant: TokenGrant) -> bool:
        return _was_refused(response, grant) and self._source.refuse(grant)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.issuer!r}, client_id={self.client_id!r},"
            f" audience={self.audience!r}, scopes={self.scopes!r})"
        )


def _authorize(request: httpx.Request, grant: TokenGrant) -> None:
    request.headers["Authorization"] = f"Bearer {grant.access_token}"


def _was_refused(response: httpx.Response, grant: TokenGrant) -> bool:
    if response.status_code != HTTPStatus.UNAUTHORIZED:
        return False
    # After a redirect to another origin the request that was answered bore no token.
    sent: str | None = response.request.headers.get("Authorization")
    return sent == f"Bearer {grant.access_token}"


def _may_repeat(request: httpx.Request, response: httpx.Response) -> bool:
    # The target of a redirect was asked instead; what it did with the request is unknown.
    return is_rewindable(request.stream) and not response.history


def _warn_of_plain_http(hosts: Sequence[str]) -> None:
    if hosts:
        names = ", ".join(hosts)
        logger.warning("plain http is allowed for %s: use it on a network of your own", names)
