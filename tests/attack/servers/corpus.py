"""Requests of every kind that a server may be sent, made from a seed.

Each case says how many of its requests may get in at most, and where the framing leaves no doubt,
what becomes of each: ``ADMITTED`` (the application answers), ``REFUSED`` (it does not) or ``OPEN``
(either, as the server reads it).
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

from tests.attack.servers.tokens import MARK, Tokens
from tests.attack.servers.wire import Speech

Lines = tuple[bytes, ...]
T = TypeVar("T")


class Fate(Enum):
    """What must become of a request."""

    ADMITTED = "admitted"
    REFUSED = "refused"
    OPEN = "open"


@dataclass(frozen=True)
class Case:
    """Something to say to a server, and what must come of it.

    Attributes:
        family: the kind of mischief.
        speech: the bytes.
        fates: of the requests, in order; empty where the framing itself is in doubt.
        allowed: how many requests the guard may let in.
    """

    family: str
    speech: Speech
    fates: tuple[Fate, ...]
    allowed: int


_METHODS: Final = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS")
_ODD_METHODS: Final = (b"TRACE", b"PROPFIND", b"BREW", b"get", b"SEARCH", b"M-SEARCH", b"X" * 60)
_PLAIN_PATHS: Final = (b"/users", b"/", b"/me", b"/deep/down/below", b"/users/1?page=2")
_SEGMENTS: Final = (
    *(b"users", b"open", b"assets", b"OPEN", b"feed", b"", b".", b"..", b"...", b"%2e%2e"),
    *(b"%2E", b"..%2f", b"%2f", b"%5c", b"\\", b"%00", b"%25", b"%252e%252e", b"%0d%0a", b"%ff"),
    *(b";x=1", b"..;", b"open%2f", b"%6fpen", b"*", b"a" * 300, b"\xc3\xa9", b"%c3%a9", b"%zz"),
)
_WHOLE_PATHS: Final = (
    *(b"*", b"users", b"//house/users", b"///users", b"http://house/users", b"http://evil/open"),
    *(b"https://house:1/open/../users", b"HTTP://HOUSE/assets/x", b"house:80", b"?", b"/?", b"/#"),
    *(b"/open#/../users", b"/open?/../users", b"/open%3f", b"/open ", b"/users%20HTTP/1.1"),
    *(b"/" + b"a" * 8_000, b"/assets/" + b"../" * 500 + b"users", b"/open\tx", b"/\x00", b"/\xff"),
)
_UPGRADE: Final = (
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
_EXPECT: Final = b"Expect: 100-continue"
_PREFLIGHT: Final = (b"Origin: https://spa.example", b"Access-Control-Request-Method: GET")


class Corpus:
    """An endless supply of cases; the same seed gives the same ones."""

    def __init__(self, tokens: Tokens, chance: random.Random) -> None:
        self._tokens = tokens
        self._chance = chance
        self._families: dict[Callable[[], Case], int] = {
            self._authorization: 34,
            self._good_spelling: 10,
            self._elsewhere: 8,
            self._method: 8,
            self._path: 10,
            self._body: 8,
            self._pipeline: 5,
            self._broken_framing: 6,
            self._broken_head: 6,
            self._leaving: 5,
            self._preflight: 3,
            self._web_socket: 8,
            self._odd_handshake: 2,
        }

    def cases(self, number: int) -> Iterator[Case]:
        families, weights = list(self._families), list(self._families.values())
        for make in self._chance.choices(families, weights, k=number):
            yield make()

    # --- one request, framed as it should be ------------------------------------------------------

    def _request(
        self,
        family: str,
        fate: Fate,
        *lines: bytes,
        method: bytes = b"GET",
        path: bytes | None = None,
        body: bytes = b"",
        allowed: int | None = None,
    ) -> Case:
        target = self._pick(_PLAIN_PATHS) if path is None else path
        data = request(method, target, *lines, body=body)
        speech = Speech(self._pieces(data), (method,))
        return self._case(family, speech, fate, allowed=allowed)

    def _case(self, family: str, speech: Speech, *fates: Fate, allowed: int | None = None) -> Case:
        if allowed is None:
            refused = fates and set(fates) == {Fate.REFUSED}
            allowed = 0 if refused else self._tokens.count_good(b"".join(speech.pieces))
        return Case(family, speech, fates, allowed)

    def _authorization(self) -> Case:
        """One header with a value that is no good token."""
        value = self._chance.choice(
            (self._bad_value, self._bad_value, self._mutant_value, self._mutant_value, self._scheme)
        )()
        name = self._pick((b"Authorization", b"authorization", b"AUTHORIZATION", b"aUtHoRiZaTiOn"))
        method = self._pick(_METHODS) if self._chance.random() < 0.2 else b"GET"
        return self._request("authorization", Fate.REFUSED, name + b": " + value, method=method)

    def _bad_value(self) -> bytes:
        tokens = self._tokens
        make = self._chance.choice((tokens.bad, tokens.bad, tokens.garbage, tokens.oversized))
        return self._pick((b"Bearer ", b"bearer ", b"BEARER ", b"Bearer   ")) + make()

    def _mutant_value(self) -> bytes:
        return b"Bearer " + self._tokens.mutated()

    def _scheme(self) -> bytes:
        """A good token that is presented as something else than ``Bearer token``."""
        good, other = self._tokens.good(), self._tokens.good()
        bare = (b"", b"Bearer", b"Bearer ", b"bearer\t", b",", b"=", b"Negotiate", b"Basic Og==")
        spellings = (
            *(b"Basic " + good, b"DPoP " + good, b"Token " + good, good, b"Bearer=" + good),
            *(b"Bearer:" + good, b'Bearer "' + good + b'"', b"Bearerx " + good, b"Bearer," + good),
            *(b"Bearer Bearer " + good, b"BearerBearer " + good, b"Bearer\t" + good),
            *(b"Bearer " + good + b",", b"Bearer " + good + b", Bearer " + other),
            *(b"Bearer " + good + b" " + other, b"Basic Og==, Bearer " + good),
            *(
                b"Bearer\xa0" + good,
                b"Bearer\x0b" + good,
                b"Bearer\x00" + good,
                b"B\xc3\xa9arer " + good,
            ),
            *(
                b"\xef\xbb\xbfBearer " + good,
                b"Bearer realm=x, token=" + good,
                b"Bearer token=" + good,
            ),
            *(b"Bearer " + good + b"\x00", b"\x00Bearer " + good, b"Bearer " + good + b";a=b"),
            b"\xef\xbc\xa2earer " + good,
        )
        return self._pick(bare if self._chance.random() < 0.2 else spellings)

    def _good_spelling(self) -> Case:
        """A good token, presented as it may be."""
        good = self._tokens.good()
        name = self._pick(
            (b"Authorization:", b"authorization:", b"AUTHORIZATION:", b"aUthorization:")
        )
        scheme = self._pick((b" Bearer ", b"Bearer ", b" bEaReR ", b"   Bearer    ", b"\tBearer "))
        line = name + scheme + good
        method = self._pick(_METHODS)
        return self._request("good token", Fate.ADMITTED, line, method=method)

    def _elsewhere(self) -> Case:
        """A good token where nobody looks for it, or twice, or beside another."""
        good = self._tokens.good()
        real = b"Authorization: Bearer " + good
        choices: tuple[Lines, ...] = (
            (b"X-Authorization: Bearer " + good,),
            (b"Proxy-Authorization: Bearer " + good,),
            (b"X-Original-Authorization: Bearer " + good, b"X-Forwarded-User: admin"),
            (b"Authorization_: Bearer " + good,),
            (b"Cookie: Authorization=Bearer " + good + b"; access_token=" + good,),
            (b"X-Access-Token: " + good, b"X-Rewrite-Url: /open", b"X-Original-Url: /open"),
            (real, real),
            (real, b"authorization: Bearer " + self._tokens.good()),
            (real, b"Authorization: Bearer " + self._tokens.bad()),
            (b"Authorization: Bearer " + self._tokens.mutated(), real),
            (real, b"Authorization:"),
            (b"Authorization: Basic Og==", real),
        )
        if self._chance.random() < 0.8:
            return self._request("elsewhere", Fate.REFUSED, *self._pick(choices))
        # Spelled so that the server's own log of paths does not look like a leak of the guard.
        path = b"/users?access_token=" + good.replace(b"eyJ", b"%65yJ")
        return self._request("elsewhere", Fate.REFUSED, path=path)

    def _method(self) -> Case:
        override = self._pick((b"OPTIONS", b"HEAD", b"CONNECT", b"GET"))
        lines: tuple[Lines, ...] = (
            (),
            (b"X-HTTP-Method-Override: " + override, *_PREFLIGHT),
            (b"X-Method-Override: " + override, b"X-HTTP-Method: " + override),
            (b"Authorization: Bearer " + self._tokens.mutated(),),
        )
        method = self._pick((*_METHODS, *_ODD_METHODS))
        chosen = self._pick(lines)
        if method.upper() == b"OPTIONS":
            chosen = ()
        return self._request("method", Fate.REFUSED, *chosen, method=method)

    def _path(self) -> Case:
        if self._chance.random() < 0.4:
            path = self._pick(_WHOLE_PATHS)
        else:
            path = b"/" + b"/".join(self._chance.choices(_SEGMENTS, k=self._chance.randint(1, 6)))
        lines = self._pick(((), (), (b"Authorization: Bearer " + self._tokens.mutated(),)))
        return self._request("path", Fate.REFUSED, *lines, path=path)

    def _preflight(self) -> Case:
        """CORS preflights, and what only looks like one: requests without a token all of them."""
        bad = b"Authorization: Bearer " + self._tokens.mutated()
        method, lines = self._pick(
            (
                (b"OPTIONS", _PREFLIGHT),
                (b"OPTIONS", (*_PREFLIGHT, bad)),
                (b"OPTIONS", _PREFLIGHT[:1]),
                (b"OPTIONS", _PREFLIGHT[1:]),
                (b"options", _PREFLIGHT),
                (b"GET", _PREFLIGHT),
            )
        )
        return self._request("preflight", Fate.REFUSED, *lines, method=method, allowed=0)

    # --- bodies and framing -----------------------------------------------------------------------

    def _body(self) -> Case:
        """Bodies, which the guard leaves unread where it refuses.

        What becomes of an answer that comes before the whole body has come is the server's affair,
        and chance: large bodies and bodies in pieces go to the route that reads them, with a good
        token, and the others to where nobody reads them, with or without a guard.
        """
        good = self._chance.random() < 0.4
        size = self._chance.choice((0, 1, 100, 5_000, 60_000) if good else (0, 1, 100, 1_000))
        smuggled = request(b"GET", b"/users", b"Authorization: Bearer " + self._tokens.good())
        form = b"access_token=" + self._tokens.good()
        body = self._pick((self._chance.randbytes(size), smuggled[:1_000], form[:1_000]))
        line = b"Authorization: Bearer " + (self._tokens.good() if good else self._tokens.mutated())
        path, fate = (b"/users", Fate.ADMITTED) if good else (b"/anything", Fate.REFUSED)
        if self._chance.random() < 0.5:
            trailer = self._pick((b"", b"", b"X-T: 1\r\n", line + b"\r\n"))
            head = request(b"POST", path, line, b"Transfer-Encoding: chunked")
            data = head + self._chunked(body) + trailer + b"\r\n"
            # httptools hands trailers on as headers, so that this may be a second Authorization.
            fate = Fate.OPEN if good and line in trailer else fate
        else:
            data = request(b"POST", path, line, length=len(body)) + body
        pieces = self._pieces(data) if good else (data,)
        speech = Speech(pieces, (b"POST",), reusable=good)
        return self._case("body", speech, fate, allowed=int(good))

    def _chunked(self, body: bytes) -> bytes:
        """Return the body in chunks, up to its last one, without the trailers."""
        parts: list[bytes] = []
        while body:
            size = self._chance.choice((1, 10, 1000, 20_000)) if len(parts) < 20 else len(body)
            part, body = body[:size], body[size:]
            extension = self._pick((b"", b"", b";a=b", b';q="x"'))
            parts.append(b"%x%s\r\n%s\r\n" % (len(part), extension, part))
        return b"".join(parts) + b"0\r\n"

    def _pipeline(self) -> Case:
        """Good and bad requests in one breath; each gets its own answer, in order."""
        fates, methods, data = [], [], b""
        for _ in range(self._chance.randint(2, 5)):
            good = self._chance.random() < 0.5
            token = self._tokens.good() if good else self._tokens.mutated()
            method = self._pick((b"GET", b"HEAD", b"DELETE"))
            lines = () if self._chance.random() < 0.2 else (b"Authorization: Bearer " + token,)
            data += request(method, self._pick(_PLAIN_PATHS), *lines)
            methods.append(method)
            fates.append(Fate.ADMITTED if good and lines else Fate.REFUSED)
        speech = Speech((data,), tuple(methods))
        return self._case("pipeline", speech, *fates, allowed=fates.count(Fate.ADMITTED))

    def _broken_framing(self) -> Case:
        """Requests whose length two parsers might read differently."""
        good = b"Authorization: Bearer " + self._tokens.good()
        bad = b"Authorization: Bearer " + self._tokens.mutated()
        hidden = request(b"GET", b"/users", good, b"Connection: close")
        length = b"Content-Length: %d" % len(hidden)
        odd: tuple[Lines, ...] = (
            (length, b"Transfer-Encoding: chunked"),
            (b"Transfer-Encoding: chunked", b"Content-Length: 4"),
            (b"Transfer-Encoding: identity", length),
            (b"Transfer-Encoding: xchunked",),
            (b"Transfer-Encoding : chunked",),
            (b"Transfer-Encoding:\x0bchunked",),
            (b"Transfer-Encoding: chunked, identity",),
            (b"Content-Length: 3", length),
            (b"Content-Length: +5",),
            (b"Content-Length: -1",),
            (b"Content-Length: 0x10",),
            (b"Content-Length: 1e3",),
            (b"Content-Length: 99999999999999999999",),
            (b"Content-Length:",),
            (_EXPECT, b"Connection: close", length),
            (b"Expect: something-else", length),
            (b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMAAABk"),
        )
        chunk = self._pick((b"", b"0\r\n\r\n", b"zz\r\n", b"-1\r\n", b"ffffffffffffffff0\r\n"))
        lines = (self._pick((bad, b"X-None: 1")), *self._pick(odd))
        data = request(self._pick((b"POST", b"GET")), b"/users", *lines) + chunk + hidden
        # granian often hangs up on a client that says nothing more behind a body that nobody reads.
        half_close = _EXPECT not in lines
        speech = Speech((data,), (), reusable=False, half_close=half_close)
        return self._case("broken framing", speech)

    def _broken_head(self) -> Case:
        """Heads that are no HTTP/1.1, or hardly."""
        good = b"Authorization: Bearer " + self._tokens.good()
        token = self._tokens.good()
        make = self._pick(_BROKEN_HEADS)
        data = make(self._chance, good, token)
        ends = b"\r\nConnection: close\r\n" in data
        speech = Speech((data,), (), reusable=False, half_close=not ends)
        return self._case("broken head", speech)

    def _leaving(self) -> Case:
        """Clients that go away early: politely, or with a reset, in the middle of anything."""
        good = self._chance.random() < 0.3
        token = self._tokens.good() if good else self._tokens.mutated()
        body = b"x" * self._chance.choice((0, 10, 70_000))
        data = request(b"POST", b"/users", b"Authorization: Bearer " + token, body=body)
        whole = self._chance.random() < 0.4
        if not whole:
            data = data[: self._chance.randrange(1, len(data))]
        abort = self._chance.random() < 0.5
        speech = Speech((data,), (), reusable=False, half_close=not abort, abort=abort)
        return self._case("leaving", speech)

    # --- WebSockets -------------------------------------------------------------------------------

    def _web_socket(self) -> Case:
        """Handshakes as they should be, with all kinds of tokens."""
        good, bad = self._tokens.good(), self._tokens.mutated()
        unfit, large = self._tokens.garbage(), self._tokens.oversized()
        header, pair = b"Authorization: Bearer ", b"Sec-WebSocket-Protocol: "
        # granian takes subprotocols that are no ASCII for none; the good token decides then.
        beside_good = Fate.REFUSED if bad.isascii() else Fate.OPEN
        choices: tuple[tuple[Fate, Lines], ...] = (
            (Fate.ADMITTED, (header + good,)),
            (Fate.ADMITTED, (pair + b"bearer, " + good,)),
            (Fate.ADMITTED, (pair + b"chat, bearer, " + good + b", more",)),
            (Fate.ADMITTED, (header + good, pair + b"chat")),
            (Fate.REFUSED, ()),
            (Fate.REFUSED, (header + bad,)),
            (Fate.REFUSED, (header + self._tokens.bad(),)),
            (Fate.REFUSED, (header + unfit,)),
            (Fate.REFUSED, (header + large,)),
            (Fate.REFUSED, (pair + b"bearer, " + bad,)),
            (Fate.REFUSED, (pair + b"bearer, " + self._tokens.bad(),)),
            (Fate.REFUSED, (pair + b"bearer, " + unfit,)),
            (Fate.REFUSED, (pair + b"bearer, " + large,)),
            (Fate.REFUSED, (pair + b"bearer",)),
            (Fate.REFUSED, (pair + b"bearer, bearer, " + good,)),
            (Fate.REFUSED, (pair + good + b", bearer",)),
            (Fate.REFUSED, (pair + good,)),
            (Fate.REFUSED, (pair + b"bearer, chat, " + good,)),
            (Fate.REFUSED, (header + good, pair + b"bearer, " + good)),
            (Fate.REFUSED, (header + bad, pair + b"bearer, " + good)),
            (beside_good, (header + good, pair + b"bearer, " + bad)),
            (Fate.REFUSED, (header + good, header + good)),
            (Fate.OPEN, (pair + b"bearer", pair + good)),
            (Fate.OPEN, (pair + b"bearer,," + good,)),
            (Fate.OPEN, (pair + b"bearer,\t" + good,)),
            (Fate.REFUSED, (pair + b",,,",)),
            (Fate.REFUSED, (pair + b"bearer, " + MARK.encode() + b"\xff\xc3\xa9",)),
        )
        fate, lines = self._pick(choices)
        path = self._pick((b"/feed", b"/feed", b"/other", b"/denied", b"/feed/../x", b"//feed"))
        data = request(b"GET", path, *_UPGRADE, *lines)
        return self._case("web socket", Speech((data,), reusable=False), fate)

    def _odd_handshake(self) -> Case:
        """Handshakes with something missing or wrong, and a token or none."""
        lines = list(_UPGRADE)
        place = self._chance.randrange(len(lines))
        odd = (b"Upgrade: h2c", b"Connection: keep-alive, Upgrade", b"Sec-WebSocket-Version: 99")
        lines[place] = self._pick((b"X-Left: out", *odd, b"Sec-WebSocket-Key: \xff", lines[place]))
        token = self._pick((self._tokens.good(), self._tokens.mutated()))
        lines.append(b"Authorization: Bearer " + token)
        method, version = self._pick(((b"GET", b"1.1"), (b"POST", b"1.1"), (b"GET", b"1.0")))
        frames = self._pick((b"", b"\x81\x85\0\0\0\0hello", b"\xff" * 20, b"\x88\x80\0\0\0\0"))
        path = self._pick((b"/feed", b"/denied"))
        data = request(method, path, *lines, version=version) + frames
        return self._case("odd handshake", Speech((data,), (), reusable=False, half_close=True))

    # --- chance -----------------------------------------------------------------------------------

    def _pick(self, choices: tuple[T, ...]) -> T:
        return self._chance.choice(choices)

    def _pieces(self, data: bytes) -> tuple[bytes, ...]:
        """Cut some of the requests into pieces, as a network may."""
        if self._chance.random() < 0.9:
            return (data,)
        places = sorted(self._chance.randrange(len(data) + 1) for _ in range(2))
        return data[: places[0]], data[places[0] : places[1]], data[places[1] :]


def request(
    method: bytes,
    path: bytes,
    *lines: bytes,
    body: bytes = b"",
    length: int | None = None,
    version: bytes = b"1.1",
) -> bytes:
    """Return a request's bytes; with a body or a ``length`` it says how long it is."""
    head = [b"%s %s HTTP/%s" % (method, path, version), b"Host: house", *lines]
    if body or length is not None:
        head.append(b"Content-Length: %d" % (len(body) if length is None else length))
    return b"\r\n".join([*head, b"", body])


#: A handshake that the application itself denies.
DENIED: Final = request(b"GET", b"/denied", *_UPGRADE)


def _closing(*lines: bytes, first: bytes = b"GET /users HTTP/1.1") -> bytes:
    return b"\r\n".join([first, b"Host: house", *lines, b"Connection: close", b"", b""])


def _cut_in_two(good: bytes) -> bytes:
    return good[:60] + b"\r\n " + good[60:]


_Broken = Callable[[random.Random, bytes, bytes], bytes]
_BROKEN_HEADS: Final[tuple[_Broken, ...]] = (
    lambda chance, good, token: _closing(b"Authorization: Bearer\r\n " + token),
    lambda chance, good, token: _closing(b"Authorization:\r\n\tBearer " + token),
    lambda chance, good, token: _closing(_cut_in_two(good)),
    lambda chance, good, token: _closing(b"X-A: 1\r\n " + good),
    lambda chance, good, token: _closing(b" " + good),
    lambda chance, good, token: _closing(good.replace(b":", b" :")),
    lambda chance, good, token: _closing(good.replace(b":", b"")),
    lambda chance, good, token: _closing(good + b"\x00"),
    lambda chance, good, token: _closing(good.replace(b"A", b"\x00A", 1)),
    lambda chance, good, token: _closing(good.replace(b"z", b"\xc5\xbf", 1)),
    lambda chance, good, token: _closing(good + b"   ", b"X-A: \t"),
    lambda chance, good, token: _closing(good + b"\r"),
    lambda chance, good, token: _closing(good).replace(b"\r\n", b"\n"),
    lambda chance, good, token: _closing(good).replace(b"\r\n", b"\r"),
    lambda chance, good, token: _closing(good).replace(b"Host: house\r\n", b""),
    lambda chance, good, token: _closing(b"Host: elsewhere", good),
    lambda chance, good, token: _closing(good, first=b"GET /users HTTP/1.0"),
    lambda chance, good, token: _closing(good, first=b"GET /users HTTP/2.0"),
    lambda chance, good, token: _closing(good, first=b"GET /users HTTP/0.9"),
    lambda chance, good, token: _closing(good, first=b"GET /users HTTP/1.9"),
    lambda chance, good, token: _closing(good, first=b"GET /users http/1.1"),
    lambda chance, good, token: _closing(good, first=b"GET  /users  HTTP/1.1"),
    lambda chance, good, token: _closing(good, first=b"GET /users"),
    lambda chance, good, token: _closing(good, first=b"/users HTTP/1.1"),
    lambda chance, good, token: _closing(good, first=b"\r\n\r\nGET /users HTTP/1.1"),
    lambda chance, good, token: _closing(good, first=b"CONNECT house:80 HTTP/1.1"),
    lambda chance, good, token: _closing(first=b"CONNECT house:80 HTTP/1.1"),
    lambda chance, good, token: _closing(
        b"X-" + b"a" * chance.choice((9_000, 70_000)) + b": 1", good
    ),
    lambda chance, good, token: _closing(b"X-A: " + b"b" * chance.choice((40_000, 150_000))),
    lambda chance, good, token: _closing(b"Authorization: Bearer " + MARK.encode() * 30_000),
    lambda chance, good, token: _closing(*(b"X-%d: %d" % (n, n) for n in range(500)), good),
    lambda chance, good, token: _closing(*(b"Authorization: x" for _ in range(50)), good),
    lambda chance, good, token: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + chance.randbytes(40),
    lambda chance, good, token: b"\x16\x03\x01\x02\x00\x01\x00" + chance.randbytes(60),
    lambda chance, good, token: chance.randbytes(chance.choice((1, 50, 3000))) + b"\r\n\r\n",
    lambda chance, good, token: string.printable.encode() * 20 + b"\r\n\r\n",
)
