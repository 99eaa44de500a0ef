"""A server on loopback that receives the redirect of one sign-in.

Source: RFC 8252, section 7.3 (loopback interface redirection).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

from kinde_guard.cli.errors import Finding

PATH: Final = "/callback"
_DONE: Final = b"<!doctype html><title>kinde-guard</title><p>Signed in. You can close this page."
_POLL: Final = 0.5
_LONGEST: Final = 5.0
"""Seconds for one request, so that an idle connection does not hold up the redirect."""


class LoopbackRedirect:
    """Listens at ``http://127.0.0.1:PORT/callback`` inside of a ``with`` block.

    Args:
        port: 0 takes a free one.

    Raises:
        Finding: the port is taken.

    Example:
        >>> with LoopbackRedirect(0) as redirect:
        ...     redirect.url.endswith("/callback")
        True
    """

    def __init__(self, port: int) -> None:
        try:
            self._server = _Server(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise Finding(
                f"port {port} cannot be listened at ({error.strerror or error}); choose another"
                " one with --port, and allow it in Kinde"
            ) from error
        self.url = f"http://127.0.0.1:{self._server.server_port}{PATH}"

    def wait(self, timeout: float) -> Mapping[str, str]:
        """Return the parameters of the redirect.

        Args:
            timeout: seconds.

        Raises:
            Finding: it did not come in time.
        """
        deadline = time.monotonic() + timeout
        self._server.timeout = _POLL
        while not self._server.parameters and time.monotonic() < deadline:
            self._server.handle_request()
        if not self._server.parameters:
            raise Finding(f"there was no sign-in within {timeout:g} s; start again")
        return self._server.parameters

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()


class _Server(HTTPServer):
    # Another process must not be able to listen at the same port beside this one.
    allow_reuse_address = False
    parameters: Mapping[str, str] = {}


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _LONGEST

    def do_GET(self) -> None:
        """Keep the parameters of the redirect; other requests get 404."""
        url = urlsplit(self.path)
        parameters = {name: values[0] for name, values in parse_qs(url.query).items()}
        is_redirect = url.path == PATH and {"code", "error"} & parameters.keys()
        self.send_response(200 if is_redirect else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        if is_redirect:
            self.server.parameters = parameters
            self.wfile.write(_DONE)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing: the path holds the code."""
