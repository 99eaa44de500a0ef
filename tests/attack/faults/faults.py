"""The ways in which a key server, or the way to it, is broken.

``FAULTS`` has one entry for each way that the project's issue names, or several where a name can
mean several things. An answer that would be good but for its status or its length carries good
keys, so that a guard which looks only at the body would be caught.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from tests.attack.faults.certificates import Authority
from tests.attack.faults.key_site import Answer, KeySite, Peer, good, response
from tests.attack.faults.name_service import not_found, silent
from tests.mint import OMIT, SigningKey, b64url

#: Seconds between the pieces of what comes slowly.
PAUSE = 0.05


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong between the guard and the keys.

    Attributes:
        strike: makes a site faulty.
        hangs: whether only the guard's time-out ends a fetch.
        arrives: whether a fetch gets as far as a connection.
        heals: whether it is over by itself with the next fetch.
        host: how the guard calls the site.
        secure: whether the site speaks TLS while it is in order.
    """

    strike: Callable[[KeySite, Authority], None]
    hangs: bool = False
    arrives: bool = True
    heals: bool = False
    host: str = "127.0.0.1"
    secure: bool = False


def answering(answer: Answer, **traits: Any) -> Fault:
    return Fault(lambda site, authority: site.behave(answer), **traits)


def presenting(certificate: Callable[[Authority], ssl.SSLContext]) -> Fault:
    def strike(site: KeySite, authority: Authority) -> None:
        site.tls = certificate(authority)

    return Fault(strike, secure=True)


Bytes = Callable[[bytes], bytes]


def saying(*answers: Bytes) -> Fault:
    """Give each answer by turns; each is made from the body of a good one."""

    async def answer(peer: Peer) -> None:
        await peer.request()
        await peer.send(answers[peer.number % len(answers)](peer.keys))

    return answering(answer)


def status(*codes: int, **headers: str) -> Fault:
    """Give the keys, with these statuses by turns."""
    return saying(*(_with_status(code, headers) for code in codes))


def _with_status(code: int, headers: dict[str, str]) -> Bytes:
    return lambda keys: response(code, keys, **headers)


def bodies(*documents: object) -> Fault:
    """Give these JSON documents by turns; a function makes one from the good document."""
    return saying(*(_with_document(document) for document in documents))


def _with_document(document: Any) -> Bytes:
    def answer(keys: bytes) -> bytes:
        made = document(json.loads(keys)) if callable(document) else document
        return response(200, json.dumps(made).encode())

    return answer


# --- answers that do not end, or not well --------------------------------------------------------


async def nothing(peer: Peer) -> None:
    await peer.request()
    await peer.gone()


async def nothing_at_all(peer: Peer) -> None:
    await peer.gone()


async def slow_head(peer: Peer) -> None:
    await peer.request()
    await drip(peer, response(200, peer.keys, x_padding="x" * 4000))


async def slow_trickle(peer: Peer) -> None:
    await peer.request()
    answer = response(200, peer.keys)
    await peer.send(answer[: -len(peer.keys)])
    await drip(peer, peer.keys)


async def drip(peer: Peer, data: bytes) -> None:
    """Send byte by byte, until the client leaves."""
    for byte in data:
        await peer.send(bytes([byte]))
        if await peer.gone(within=PAUSE):
            return


async def endless_hints(peer: Peer) -> None:
    await peer.request()
    while not await peer.gone(within=PAUSE):
        await peer.send(b"HTTP/1.1 103 Early Hints\r\nlink: </keys>\r\n\r\n")


async def reset_in_the_body(peer: Peer) -> None:
    await peer.request()
    await peer.send(response(200, peer.keys)[:-100])
    await asyncio.sleep(PAUSE)
    peer.reset()


async def endless_body(peer: Peer) -> None:
    await peer.request()
    await peer.send(response(200, b"{", content_length=""))
    while True:
        await peer.send(b" " * 65_536)


async def good_and_bad_by_turns(peer: Peer) -> None:
    if peer.number % 2:
        await good(peer)
    else:
        await peer.request()
        await peer.send(response(500))


async def no_tls(peer: Peer) -> None:
    await peer.send(response(400, b"this is no https"))


def speak_plainly(site: KeySite, authority: Authority) -> None:
    site.tls = None
    site.behave(no_tls)


def say_nothing_to_tls(site: KeySite, authority: Authority) -> None:
    site.tls = None
    site.behave(nothing_at_all)


# --- bodies --------------------------------------------------------------------------------------


@cache
def bomb() -> bytes:
    """Return 16 MB of white space around nothing, compressed to a few kB."""
    return gzip.compress(b"{" + b" " * 16_000_000 + b"}", 1)


@cache
def weak(kid: str) -> dict[str, Any]:
    return SigningKey.rsa(kid, bits=1024).jwk()


def too_short(keys: bytes) -> bytes:
    return response(200, keys, content_length=str(len(keys) - 10))


def too_long(keys: bytes) -> bytes:
    return response(200, keys, content_length=str(len(keys) + 10))


def wrong_byte(keys: bytes) -> bytes:
    return response(200, keys.replace(b'"RSA"', b'"RSA", "x": "\xff"'))


def unusable(document: Any) -> dict[str, list[Any]]:
    """Return the key made unusable in every way, and keys that nobody should publish."""
    (jwk,) = document["keys"]
    secret = {"kty": "oct", "kid": jwk["kid"], "alg": "HS256", "k": b64url(b"x" * 32)}
    changes: list[dict[str, Any]] = [
        {"use": "enc"},
        {"kid": OMIT},
        {"kty": "XYZ"},
        {"alg": "none"},
        {"d": "AQAB"},
        {"n": "!"},
        {"key_ops": ["sign"]},
    ]
    changed = [{**jwk, **change} for change in changes]
    members = [{n: value for n, value in key.items() if value is not OMIT} for key in changed]
    return {"keys": [*members, weak(jwk["kid"]), secret]}


FAULTS: dict[str, Fault] = {
    "refused": Fault(lambda site, authority: site.refuse(), arrives=False),
    "reset mid-body": answering(reset_in_the_body),
    "silent": answering(nothing, hangs=True),
    "slow head": answering(slow_head, hangs=True),
    "slow trickle": answering(slow_trickle, hangs=True),
    "length too long": saying(too_long),
    "length too short": saying(too_short),
    "gzip bomb": saying(lambda keys: response(200, bomb(), content_encoding="gzip")),
    "1xx without end": answering(endless_hints, hangs=True),
    "101": saying(lambda keys: response(101, upgrade="keys", connection="upgrade")),
    "204": saying(lambda keys: response(204, content_length="", content_type="")),
    "3xx": status(302, 301, 307, 300, location="/elsewhere"),
    "4xx": status(404, 401, 403, 429),
    "5xx": status(500, 502, 503, 504),
    "HTML": saying(lambda keys: response(200, b"<!doctype html><p>soon", content_type="text/html")),
    "truncated JSON": saying(lambda keys: response(200, keys[:-1])),
    "invalid UTF-8": saying(wrong_byte),
    "wrong shapes": bodies(
        lambda good: good["keys"],
        lambda good: good["keys"][0],
        lambda good: {"keys": {"0": good["keys"][0]}},
        lambda good: {"keys": [json.dumps(good["keys"][0])]},
        None,
        7,
    ),
    "empty set": bodies({"keys": []}),
    "only unusable keys": bodies(unusable),
    "oversized": answering(endless_body),
    "good and bad by turns": answering(good_and_bad_by_turns, heals=True),
    "no such name": Fault(
        lambda site, authority: site.lose_name(not_found), arrives=False, host="localhost"
    ),
    "silent name server": Fault(
        lambda site, authority: site.lose_name(silent), arrives=False, host="localhost", hangs=True
    ),
    "no TLS": Fault(speak_plainly, secure=True),
    "silent TLS": Fault(say_nothing_to_tls, secure=True, hangs=True),
    "certificate of a stranger": presenting(lambda authority: authority.context(trusted=False)),
    "certificate of another host": presenting(
        lambda authority: authority.context(address="127.0.0.2")
    ),
    "expired certificate": presenting(lambda authority: authority.context(ends=timedelta(days=-1))),
}
