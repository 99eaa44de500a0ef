"""``ClientCredentials``: a caller's tokens, as the ``auth`` of an httpx client.

The token goes wherever the client is sent, so give each client the ``base_url`` of its API. httpx
takes the header off when it follows a redirect to another origin, and a 401 from there says nothing
about a token that it never saw: it is handed back as it is.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Collection, Generator, Sequence
from http import HTTPStatus
from typing import Any, Final, Self

import httpx

from kinde_guard.client import configuration
from kinde_guard.client.grant import TokenGrant
from kinde_guard.client.launch import Launcher
from kinde_guard.client.token_answer import AnswerReader
from kinde_guard.client.token_request import TokenRequest
from kinde_guard.client.token_source import TokenSource

TOKEN_PATH: Final = "/oauth2/token"  # noqa: S105 - an address


class ClientCredentials(httpx.Auth):
    """Gets tokens for a machine-to-machine application and puts them on its requests.

    One object serves ``httpx.Client`` and ``httpx.AsyncClient``, any number of each, in any threads
    and event loops; it wants to be made once and shared, because Kinde bills each token request.

    A 401 from the API drops the token and sends the request once more with another one, unless its
    body is a stream (a generator or an upload): that can be sent only once, so its 401 is handed
    back and the next request gets the new token.

    Args:
        domain: ``acme.kinde.com``, or its ``https://`` URL; ``http://`` for loopback hosts only.
        client_id: of the application.
        client_secret: of the application. It shows nowhere but in the token request's body.
        audience: of the API that is called; a sequence asks for one token for several.
        scopes: the scopes to ask for; None for all that the application was granted.
        timeout: seconds for a whole token request.
        refusal_cooldown: seconds after a 401 made it drop a token before another 401 may.
        clock: epoch seconds, for the life of tokens.
        monotonic: seconds, for pauses.
        http_client: sends the token requests of sync callers, if given; it stays open. Use it for
            proxies, certificates or tests.
        async_http_client: the same for async callers, in the event loop of whoever asks. With only
            one of the two, the other kind of caller uses ``http_client``, or else none.

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
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        http_client: httpx.Client | None = None,
        async_http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self.issuer = configuration.issuer(domain)
        self.client_id = configuration.client_id(client_id)
        self.audience = configuration.audience(audience)
        self.scopes = configuration.scopes(scopes)
        reader = AnswerReader(
            self.issuer + TOKEN_PATH, self.scopes, configuration.client_secret(client_secret)
        )
        whole = configuration.seconds("timeout", timeout, above=True)
        request = TokenRequest(reader, self.client_id, self.audience, whole, clock)
        self._source = TokenSource(
            request,
            Launcher(request, http_client, async_http_client),
            monotonic=monotonic,
            refusal_cooldown=configuration.seconds("refusal_cooldown", refusal_cooldown),
        )

    @classmethod
    def from_env(cls, **settings: Any) -> Self:  # noqa: ANN401 - any argument
        """Make one from the environment.

        Reads ``KINDE_DOMAIN`` (or ``KINDE_ISSUER_URL``), ``KINDE_CLIENT_ID``,
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
            settings["domain"] = configuration.variable("KINDE_DOMAIN", "KINDE_ISSUER_URL")
        for name in ("client_id", "client_secret"):
            if name not in settings:
                settings[name] = configuration.variable(f"KINDE_{name.upper()}")
        if "audience" not in settings:
            settings["audience"] = configuration.variable("KINDE_AUDIENCE").split()
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
        return self._source.in_hand or self._source.fetch()

    async def afetch(self) -> TokenGrant:
        """Return what ``fetch`` does, without blocking the event loop. Raises as it does."""
        return self._source.in_hand or await self._source.afetch()

    def forget(self) -> None:
        """Drop the token in hand and the memory of failures; the next caller asks Kinde anew.

        For when something changed at Kinde's end, such as the scopes that were granted.
        """
        self._source.forget()

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Serve ``httpx.Client``."""
        grant = self.fetch()
        _authorize(request, grant)
        response = yield request
        if _was_refused(response, grant) and self._source.refuse(grant) and _can_repeat(request):
            _authorize(request, self.fetch())
            yield request

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Serve ``httpx.AsyncClient``."""
        grant = await self.afetch()
        _authorize(request, grant)
        response = yield request
        if _was_refused(response, grant) and self._source.refuse(grant) and _can_repeat(request):
            _authorize(request, await self.afetch())
            yield request

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


def _can_repeat(request: httpx.Request) -> bool:
    return isinstance(request.stream, httpx.ByteStream)
