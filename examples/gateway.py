"""Protect an internal HTTP API that cannot be changed: check each request, then forward it.

A CSV file is the policy: one row is a method, a path such as ``/users/{user_id}``, and the scope
that it needs (empty: a valid token is enough). What no row names is refused.

    python gateway.py --policy management_scopes.csv --upstream http://10.0.0.5:8080

It trusts the tenant of KINDE_DOMAIN for the API of KINDE_AUDIENCE. The internal API must be
reachable through the gateway alone, and must tell upper from lower case in paths. WebSockets are
not forwarded.
"""

import argparse
import csv
import logging
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import unquote

import anyio
import httpx
import uvicorn
from kinde_guard import (
    AccessToken,
    ConfigurationError,
    KindeGuard,
    require_scopes,
    require_token,
)
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

Check: TypeAlias = Callable[[HTTPConnection], Awaitable[AccessToken]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
COLUMNS: Final = {"method", "path", "scope"}

logger = logging.getLogger("gateway")


# The policy


class PolicyError(ValueError):
    """The CSV file makes no sense. The message names the line."""


@dataclass
class Node:
    """What is known of the paths that begin alike: how they go on, and what one needs here."""

    literals: dict[str, "Node"] = field(default_factory=dict)
    parameter: "Node | None" = None
    needs: dict[str, Check] = field(default_factory=dict)

    def descend(self, segment: str) -> "Node":
        """Return the node behind a segment of a template, made if there is none yet."""
        if segment.startswith("{"):
            self.parameter = self.parameter or Node()
            return self.parameter
        return self.literals.setdefault(segment, Node())

    def find(self, segments: list[str]) -> "Node | None":
        """Return the node of a path. From the left, a literal segment goes before a parameter."""
        if not segments:
            return self if self.needs else None
        branches = (self.literals.get(segments[0]), self.parameter if segments[0] else None)
        found = (branch.find(segments[1:]) for branch in branches if branch)
        return next((node for node in found if node), None)

    def has_other_reading(self, segments: list[str]) -> bool:
        """Tell whether a server that ignores suffixes might meet a more literal row.

        Such a server takes ``/users/export.json``, and what a slash ends, for ``/users/export``.
        """
        if segments[-1] == "":
            segments = segments[:-1]
        if not segments:
            return False
        first, *rest = segments
        name = first.partition(".")[0]
        if name != first and name in self.literals:
            return True
        branches = (self.literals.get(first), self.parameter)
        return any(branch.has_other_reading(rest) for branch in branches if branch and rest)

    def need(self, method: str) -> Check | None:
        """Return what a method needs; HEAD is a GET without its body."""
        return self.needs.get(method) or (self.needs.get("GET") if method == "HEAD" else None)

    @property
    def allow(self) -> str:
        """The header of a 405."""
        return ", ".join(sorted({*self.needs, *({"HEAD"} if "GET" in self.needs else ())}))


def load_policy(file: Path) -> Node:
    """Read the CSV file into a tree of paths, or raise PolicyError. More columns may follow."""
    root = Node()
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines, strict=True)
        try:
            add_rules(root, rows)
        except (csv.Error, ValueError) as error:
            raise PolicyError(f"{file}, line {rows.reader.line_num}: {error}") from error
    return root


def add_rules(root: Node, rows: "csv.DictReader[str]") -> None:
    """Put every row into the tree. What is wrong with one is a ValueError."""
    names = rows.fieldnames or []
    if not COLUMNS.issubset(names) or len(set(names)) < len(names):
        raise ValueError("the first line must name the columns method, path and scope, once each")
    for row in rows:
        # A row that is short or long is no row with an empty scope: nobody knows what was meant.
        if None in row or None in row.values():
            raise ValueError(f"expected {len(names)} columns")
        method, path, scope = row["method"], row["path"], row["scope"]
        if method not in METHODS:
            raise ValueError(f"{method!r} is no method; expected one of {', '.join(METHODS)}")
        node = root
        for segment in template_segments(path):
            node = node.descend(segment)
        if method in node.needs:
            raise ValueError(f"{method} {path} was there before")
        node.needs[method] = require_scopes(scope) if scope else require_token()
    if not (root.literals or root.parameter):
        raise ValueError("there is no rule")


_TEMPLATE = re.compile(r"/|(?:/(?:\{\w+\}|[A-Za-z0-9._~!$&'()*+,=:@-]+))+/?")


def template_segments(path: str) -> list[str]:
    """Split the path of a rule, or raise ValueError."""
    segments = path.split("/")[1:]
    if not _TEMPLATE.fullmatch(path) or {".", ".."} & set(segments):
        raise ValueError(f"{path!r} is no path; expected one such as /users/{{user_id}}/roles")
    return segments


# Matching


class Refused(Exception):
    """The gateway itself answers the request."""

    def __init__(self, status: HTTPStatus, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.answer = problem(status, detail, **headers)


def problem(status: HTTPStatus, detail: str, **headers: str) -> Response:
    """Return a problem document (RFC 9457), as the guard's own refusals are."""
    body = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    headers |= {"Cache-Control": "no-store", "Content-Type": "application/problem+json"}
    return JSONResponse(body, status, headers)


# RFC 3986, 3.3, without ";", at which some servers cut a segment, and without percent-encoded
# letters, digits, "-", ".", "_" and "~", which never need it (2.3), slashes, and what could be
# decoded a second time (%25) or end the path (%23, %3B, %3F, control characters).
_PATH = re.compile(
    r"(?:/(?:[A-Za-z0-9._~!$&'()*+,=:@-]"
    r"|%(?![01]|2[35DEF]|3[0-9BF]|4[1-9A-F]|5[0-9ACF]|6[1-9A-F]|7[0-9AEF])[0-9A-F]{2})*)+",
    re.IGNORECASE,
)


def path_segments(raw_path: bytes) -> list[str]:
    """Split the path of a request as every server would, or raise Refused.

    What is matched here must be what the upstream sees. The path is forwarded as it came, so all
    that another server might read as another path is refused.
    """
    try:
        path = raw_path.decode("ascii")
        segments = [unquote(segment, errors="strict") for segment in path.split("/")[1:]]
    except UnicodeDecodeError:
        raise Refused(HTTPStatus.BAD_REQUEST, "The path is not valid UTF-8.") from None
    if not _PATH.fullmatch(path) or "" in segments[:-1] or {".", ".."} & set(segments):
        raise Refused(HTTPStatus.BAD_REQUEST, "The path is ambiguous.")
    return segments


# Headers

# RFC 9110, 7.6.1; further fields are named by Connection itself. "Expect" and "Proxy-*" were meant
# for the gateway.
HOP_BY_HOP: Final = frozenset(
    b"connection expect keep-alive proxy-authenticate proxy-authentication-info"
    b" proxy-authorization proxy-connection te trailer transfer-encoding upgrade".split()
)
# By these a caller could tell the upstream another user, sender, method or path than was checked;
# and some servers read X_Real_IP as X-Real-IP. If yours trusts more of them, name them here.
SPOOFING: Final = re.compile(
    rb"forwarded|x-forwarded(-.*)?|x-real-ip|x-http-method(-override)?|x-method-override"
    rb"|(x-)?(client|cluster-client|true-client)-ip|(cf|fastly|fly)-(connecting|client)-ip(v6)?"
    rb"|x-originating-ip|x-remote-(ip|addr)|(x-)?(remote|auth-request|authenticated)-.*"
    rb"|x-original-(host|ur[il])|x-rewrite-url|.*_.*",
    re.DOTALL,
)


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the headers that concern more than one connection, in lower case."""
    fields = [(name.lower(), value) for name, value in headers]
    dropped = set(HOP_BY_HOP)
    for name, value in fields:
        if name == b"connection":
            dropped |= {option.strip().lower() for option in value.split(b",")}
        elif name == b"transfer-encoding":
            # RFC 9112, 6.3: then this counts and a length does not, which invites smuggling.
            dropped.add(b"content-length")
    return (each for each in fields if each[0] not in dropped)


def request_headers(request: Request, *, keep_token: bool) -> Headers:
    """Return what the upstream is told: what the caller says, and where it comes from."""
    dropped = {b"host"} if keep_token else {b"host", b"authorization"}
    kept = [
        (name, value)
        for name, value in end_to_end(request.headers.raw)
        if name not in dropped and not SPOOFING.fullmatch(name)
    ]
    added = {
        "x-forwarded-for": request.client.host if request.client else "unknown",
        "x-forwarded-host": request.headers.get("host", ""),
        "x-forwarded-proto": request.scope["scheme"],
        "via": f"{request.scope['http_version']} kinde-guard",
    }
    return kept + [(name.encode(), value.encode("latin-1")) for name, value in added.items()]


# Forwarding


@dataclass(frozen=True)
class Upstream:
    """Forwards requests to one HTTP server, streaming both ways.

    A transport, not a client: a client keeps cookies, adds headers and reads proxy settings.
    """

    url: httpx.URL
    transport: httpx.AsyncBaseTransport
    timeout: float = 30.0
    """Seconds for a connection, and for each pause in what the upstream reads or writes."""
    keep_token: bool = False

    async def exchange(self, request: Request, send: Send) -> None:
        """Forward a request and its answer. If the caller leaves, so does the upstream request."""
        uploaded = anyio.Event()
        outgoing = self._outgoing(request, uploaded)

        async def leave_with_caller() -> None:
            await uploaded.wait()
            while (await request.receive())["type"] != "http.disconnect":
                pass
            tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leave_with_caller)
            answer = await self._ask(outgoing, request, send)
            if answer is not None:
                await download(answer, send)
            tasks.cancel_scope.cancel()

    def _outgoing(self, request: Request, uploaded: anyio.Event) -> httpx.Request:
        target = self.url.raw_path.rstrip(b"/") + request.scope["raw_path"]
        if query := request.scope["query_string"]:
            target += b"?" + query
        codings = ",".join(request.headers.getlist("transfer-encoding")).strip().lower()
        if codings not in {"", "chunked"}:
            # The server decodes chunks alone: what is inside would reach the upstream as plain.
            raise Refused(HTTPStatus.NOT_IMPLEMENTED, "The transfer coding is not supported.")
        has_body = not {"content-length", "transfer-encoding"}.isdisjoint(request.headers)
        if not has_body:
            uploaded.set()
        try:
            url = self.url.copy_with(raw_path=target)
        except (httpx.InvalidURL, UnicodeDecodeError):
            raise Refused(HTTPStatus.BAD_REQUEST, "The URL is too long or not ASCII.") from None
        return httpx.Request(
            request.method,
            url,
            headers=request_headers(request, keep_token=self.keep_token),
            content=upload(request, uploaded) if has_body else None,
            # The URL was normalised; the target is sent as it came, byte for byte.
            extensions={"target": target, "timeout": httpx.Timeout(self.timeout).as_dict()},
        )

    async def _ask(
        self, outgoing: httpx.Request, request: Request, send: Send
    ) -> httpx.Response | None:
        """Return the upstream's answer; if there is none, tell the caller so."""
        try:
            return await self.transport.handle_async_request(outgoing)
        except ClientDisconnect:
            logger.info("the caller left before the request was complete")
        except httpx.TransportError as error:
            logger.warning("the upstream did not answer: %s", type(error).__name__)
            await unanswered(error)(request.scope, request.receive, send)
        return None


async def upload(request: Request, uploaded: anyio.Event) -> AsyncIterator[bytes]:
    """Yield the body of a request as it comes in, no faster than it is asked for."""
    try:
        async for chunk in request.stream():
            yield chunk
    finally:
        uploaded.set()


async def download(answer: httpx.Response, send: Send) -> None:
    """Send an answer as it comes in, no faster than the caller takes it."""
    headers = list(end_to_end(answer.headers.raw))
    start = {"type": "http.response.start", "status": answer.status_code, "headers": headers}
    try:
        await send(start)
        async for chunk in answer.aiter_raw():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    except httpx.TransportError as error:
        # The server notices that the response is unfinished, and breaks the connection off.
        logger.warning("the upstream broke off: %s", type(error).__name__)
    finally:
        with anyio.CancelScope(shield=True):
            await answer.aclose()


def unanswered(error: httpx.TransportError) -> Response:
    """Return what the caller is told when the upstream does not answer."""
    if isinstance(error, httpx.TimeoutException):
        return problem(HTTPStatus.GATEWAY_TIMEOUT, "The upstream did not answer in time.")
    return problem(HTTPStatus.BAD_GATEWAY, "The upstream cannot be reached or is broken.")


# The application


@dataclass(frozen=True)
class Gateway:
    """Forwards what the policy allows; stands behind a guard, which has verified the token."""

    policy: Node
    upstream: Upstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        request = Request(scope, receive)
        try:
            await self._check(request)
            await self.upstream.exchange(request, send)
        except Refused as refused:
            await refused.answer(scope, receive, send)

    async def _check(self, request: Request) -> None:
        # Paths that the guard's settings make public are no way past the policy.
        await require_token()(request)
        segments = path_segments(request.scope["raw_path"])
        node = self.policy.find(segments)
        if node is None:
            raise Refused(HTTPStatus.NOT_FOUND, "There is no such path.")
        if self.policy.has_other_reading(segments):
            raise Refused(HTTPStatus.BAD_REQUEST, "The path is ambiguous.")
        needs = node.need(request.method)
        if needs is None:
            detail = "The path does not know this method."
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, detail, Allow=node.allow)
        await needs(request)


def create_app(guard: KindeGuard, policy: Node, upstream: Upstream) -> Starlette:
    """Build the application."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with upstream.transport:
            yield

    app = Starlette(lifespan=lifespan)
    # No routes: the policy knows them, and matches paths more strictly.
    app.router.default = Gateway(policy, upstream)
    guard.install(app)
    return app


def upstream_url(text: str) -> httpx.URL:
    """Read --upstream, or raise ValueError."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ValueError(text) from error
    if url.scheme not in {"http", "https"} or not url.host or url.query or url.userinfo:
        raise ValueError(text)
    return url


def arguments() -> argparse.ArgumentParser:
    """Describe the command line; POLICY and UPSTREAM in the environment do as well."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    given = os.environ.get
    policy, url = given("POLICY"), given("UPSTREAM")
    parser.add_argument("--policy", type=Path, default=policy, required=not policy)
    parser.add_argument("--upstream", type=upstream_url, default=url, required=not url)
    parser.add_argument("--keep-token", action="store_true", help="forward Authorization too")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds [%(default)g]")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    return parser


def main() -> None:
    """Serve until interrupted."""
    parser = arguments()
    chosen = parser.parse_args()
    try:
        policy, guard = load_policy(chosen.policy), KindeGuard.from_env()
    except (OSError, PolicyError, ConfigurationError) as error:
        parser.error(str(error))
    transport = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_keepalive_connections=100))
    upstream = Upstream(chosen.upstream, transport, chosen.timeout, keep_token=chosen.keep_token)
    # The upstream's own Date and Server pass. Behind a load balancer, see uvicorn's proxy_headers.
    uvicorn.run(
        create_app(guard, policy, upstream),
        host=chosen.host,
        port=chosen.port,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )


if __name__ == "__main__":
    main()
