"""A real HTTP server on loopback, in a thread of its own, for as long as it is wanted.

It stands still between ``stop`` and the next ``start``, refusing connections, and comes back on the
same port. When its owner is forgotten or the interpreter ends, it ends too.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import socket
import ssl
import threading
import weakref
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from kinde_guard.local.faulty_answers import HANG_UP

try:
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol
except ModuleNotFoundError as error:
    hint = "Local Kinde needs uvicorn: install kinde-guard with its extra local."
    raise ModuleNotFoundError(hint, name=error.name) from error

LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "::1")
START_TIMEOUT: Final = 30.0
STOP_TIMEOUT: Final = 10.0
GRACE: Final = 1
"""Seconds that requests in flight are given when the server stops."""

logger = logging.getLogger("kinde_guard.local")


class StartError(RuntimeError):
    """A server could not be started. The message says where and why."""


class LoopbackServer:
    """Serve an ASGI application on a loopback address.

    Args:
        make_app: called at each start with the URL that is served; returns the application.
        host: a loopback address, or "localhost", which is served at 127.0.0.1.
        port: 0 takes a free one at the first start and keeps it.
        tls: called at each start; returns the server's end of TLS. None serves plain http.
        public_url: the URL at which clients reach the server; None for the one it listens at. With
            it the host may be any address.

    Raises:
        ValueError: the host is not loopback and there is no public URL, or the port cannot be.

    Example:
        >>> import httpx
        >>> from starlette.responses import PlainTextResponse
        >>> async def app(scope, receive, send):
        ...     await PlainTextResponse("hello")(scope, receive, send)
        >>> server = LoopbackServer(lambda url: app)
        >>> server.start()
        >>> httpx.get(server.url).text
        'hello'
        >>> server.stop()
    """

    def __init__(
        self,
        make_app: Callable[[str], ASGIApp],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: Callable[[], ssl.SSLContext] | None = None,
        public_url: str | None = None,
    ) -> None:
        if not 0 <= port <= 65_535:
            raise ValueError(f"port must be from 0 to 65535; got {port!r}.")
        self._make_app = make_app
        self._public_url = None if public_url is None else checked_public_url(public_url, tls=tls)
        self._address = _address(host, is_public=public_url is not None)
        self._host = host
        self._port = port
        self._tls = tls
        self._stop: weakref.finalize[[], LoopbackServer] | None = None

    @property
    def port(self) -> int:
        """The port, 0 as long as it is not known."""
        return self._port

    @property
    def url(self) -> str:
        """The URL at which clients reach the server, without a trailing slash."""
        if self._public_url is not None:
            return self._public_url
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'http' if self._tls is None else 'https'}://{host}:{self._port}"

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped since."""
        return self._stop is not None and self._stop.alive

    def start(self) -> None:
        """Serve, and return as soon as requests are answered. Does nothing if it runs.

        Raises:
            StartError: the port is taken, or the application does not start.
        """
        if self.is_running:
            return
        listener = self._listen()
        try:
            self._port = listener.getsockname()[1]
            app = self._make_app(self.url)
            serving = _Serving(app, listener, None if self._tls is None else self._tls())
        except BaseException:
            listener.close()
            raise
        # Called by ``stop``, or when this object is forgotten, or when the interpreter ends.
        self._stop = weakref.finalize(self, serving.stop)
        if not serving.start():
            self.stop()
            raise StartError(f"The application at {self.url} did not start; its log says why.")

    def stop(self) -> None:
        """Stop serving and return when nothing is left running. Does nothing if it is stopped."""
        if self._stop is not None:
            self._stop()

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        try:
            listener = socket.create_server((self._address, self._port), family=family)
        except OSError as error:
            where = f"{self._host} port {self._port}"
            hint = "Choose another port, or port 0 for a free one."
            raise StartError(f"Nothing can be served at {where}: {error}. {hint}") from error
        # Connections inherit this. Asyncio sets it only on sockets that it made itself; without
        # it every answer waits 40 ms for the client's acknowledgement of its headers.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener


class _Serving(uvicorn.Server):
    """One run of a server, from start to stop. It knows nothing of its owner, which may go."""

    def __init__(self, app: ASGIApp, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        config = uvicorn.Config(
            self._with_hang_up(app),
            http=H11Protocol,
            loop="asyncio",
            # Uvicorn's loggers belong to the process; a server inside a test leaves them alone.
            log_config=None,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE,
        )
        # Uvicorn makes a context of files only; one that is ready is handed over after it has made
        # everything else.
        config.load()
        config.ssl = tls
        super().__init__(config)
        self._listener = listener
        self._ready = threading.Event()
        self.thread = threading.Thread(target=self._run, name="loopback-server", daemon=True)

    def start(self) -> bool:
        """Run in the thread; return whether it came up."""
        self.thread.start()
        self._ready.wait(START_TIMEOUT)
        return self.started

    def stop(self) -> None:
        self.should_exit = True
        self.thread.join(STOP_TIMEOUT)
        if self.thread.is_alive():
            logger.warning("A loopback server did not stop within %s s.", STOP_TIMEOUT)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()

    def _run(self) -> None:
        try:
            # By SystemExit uvicorn says that the application did not start; it has logged why.
            with contextlib.suppress(SystemExit):
                self.run(sockets=[self._listener])
        finally:
            self._listener.close()
            self._ready.set()

    def _with_hang_up(self, app: ASGIApp) -> ASGIApp:
        """Offer ``app`` the extension that closes the connection of a request."""

        async def offering(scope: Scope, receive: Receive, send: Send) -> None:
            client = scope.get("client")

            def hang_up() -> None:
                for connection in list(self.server_state.connections):
                    if isinstance(connection, H11Protocol) and connection.client == client:
                        connection.transport.close()

            if scope["type"] == "http":
                extensions = {**scope.get("extensions", {}), HANG_UP: hang_up}
                scope = {**scope, "extensions": extensions}
            await app(scope, receive, send)

        return offering


def _address(host: str, *, is_public: bool) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
        is_good = (is_public or address.is_loopback) and "%" not in host
    except ValueError:
        is_good = False
    if not is_good:
        raise ValueError(
            f"host must be a loopback address such as 127.0.0.1, ::1 or localhost; got {host!r}."
            " Local Kinde hands out tokens: it is for this machine only. To listen at another"
            " address, such as 0.0.0.0 in a container, give the public URL too: the one at which"
            " clients reach it, such as http://kinde:8787."
        )
    return host


def checked_public_url(given: str, *, tls: object) -> str:
    """Return a public URL without a trailing slash.

    Args:
        given: the URL.
        tls: what serves https, None for plain http.

    Raises:
        ValueError: it is no URL of a host alone, or https cannot be served under it.
    """
    expected = "an http:// or https:// URL of a host and port alone, such as http://kinde:8787"
    try:
        url = urlsplit(given)
        host, _ = url.hostname or "", url.port
    except ValueError:
        raise ValueError(f"public_url: {given!r} was given, but it must be {expected}") from None
    is_bare = url.path in {"", "/"} and not set("?#@ ") & set(given) and given.isascii()
    if url.scheme not in {"http", "https"} or not is_bare or not host or not given.isprintable():
        raise ValueError(f"public_url: {given!r} was given, but it must be {expected}")
    if tls is not None and (url.scheme != "https" or host not in LOOPBACK_NAMES):
        raise ValueError(
            f"public_url: {given!r} was given, but with TLS it must be https:// at a loopback"
            " host: local Kinde's certificate authority vouches for this machine only"
        )
    return f"{url.scheme}://{url.netloc.lower()}"
