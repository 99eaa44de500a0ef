"""OpenAPI documents: what is read out of them, and where they may be fetched from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from kinde_guard.local import LoopbackServer
from kinde_guard.local.console import loopback_fetch
from kinde_guard.local.console.commands import easiest
from kinde_guard.local.console.documents import Document, Documents, read
from kinde_guard.local.console.loopback_fetch import fetch
from kinde_guard.local.console.operations import Operation, operations_of
from kinde_guard.local.console.problems import Invalid

pytestmark = pytest.mark.anyio

SMALL = {"openapi": "3.1.0", "paths": {"/users": {"get": {"security": [{"a": ["read:users"]}]}}}}
USERS = Operation("GET", "/users", alternatives=(("read:users",),))


def alternatives(security: object, default: object = None) -> tuple[tuple[str, ...], ...]:
    operation = {} if security is None else {"security": security}
    paths = {"/": {"get": operation}}
    (found,) = operations_of({"openapi": "3.1.0", "paths": paths, "security": default})
    return found.alternatives


@pytest.mark.parametrize(
    ("security", "expected"),
    [
        (None, ()),
        ([], ()),
        ([{}], ()),
        ([{"a": ["x"]}, {}], ()),
        ([{"a": []}], ((),)),
        ([{"a": ["x", "y"]}], (("x", "y"),)),
        ([{"a": ["x"]}, {"b": ["x"]}], (("x",),)),
        ([{"a": ["x"]}, {"b": ["y"]}], (("x",), ("y",))),
        ([{"a": ["x"], "b": ["y"]}], (("x", "y"),)),
        ([{"a": "x"}, 7, {"b": [1, "y"]}], ((), ("y",))),
        ({"a": ["x"]}, ()),
    ],
)
def test_the_scopes_that_are_asked_for(
    security: object, expected: tuple[tuple[str, ...], ...]
) -> None:
    assert alternatives(security) == expected


def test_what_the_document_asks_for_holds_where_an_operation_says_nothing() -> None:
    everywhere = [{"a": ["x"]}]

    assert alternatives(None, everywhere) == (("x",),)
    assert alternatives([], everywhere) == ()


@pytest.mark.parametrize(
    ("needed", "held", "opens"),
    [
        ((), "", True),
        (((),), "", True),
        ((("x", "y"),), "x", False),
        ((("x", "y"),), "y x z", True),
        ((("x",), ("y",)), "y", True),
        ((("x",), ("y",)), "z", False),
        ((("x",),), "X", False),
    ],
)
def test_what_a_token_opens(needed: tuple[tuple[str, ...], ...], held: str, *, opens: bool) -> None:
    assert Operation("GET", "/", alternatives=needed).is_opened_by(held.split()) is opens


@pytest.mark.parametrize(
    "document",
    [None, [], 1, {}, {"paths": {}}, {"openapi": "3.1.0"}, {"openapi": "3.1.0", "paths": []}],
)
def test_what_is_no_document_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="This is no OpenAPI document"):
        operations_of(document)


def test_odd_members_are_passed_over() -> None:
    paths: dict[str, object] = {
        "/a": None,
        "/b": {"get": 7, "x-own": {}, "parameters": []},
        "/c": {"head": {}},
    }

    assert operations_of({"swagger": "2.0", "paths": paths}) == (Operation("HEAD", "/c"),)


def test_more_operations_than_a_page_can_show_are_refused() -> None:
    paths: dict[str, object] = {f"/{number}": {"get": {}} for number in range(2_001)}

    with pytest.raises(ValueError, match="more than 2000 operations"):
        operations_of({"openapi": "3.1.0", "paths": paths})


@pytest.mark.parametrize(
    "text", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a": "\\ud800"}', b'{"a": 1, "a": 2}', b"NaN"]
)
async def test_a_text_that_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(Invalid, match="not JSON, or is nested too deeply"):
        await read(text)


async def test_a_text_that_is_too_large_is_refused() -> None:
    with pytest.raises(Invalid, match="larger than 1024 KiB"):
        await read(json.dumps(SMALL).encode() + b" " * 1_048_576)


def test_the_oldest_document_goes_first() -> None:
    documents = Documents()
    for number in range(33):
        documents.keep(str(number), Document(()))

    assert (documents.of("0"), documents.of("1")) == (None, Document(()))


def test_the_operation_to_try_first_is_opened_and_only_reads() -> None:
    public, write = Operation("GET", "/health"), Operation("POST", "/a", alternatives=(("x",),))
    one, many = (Operation("GET", path, alternatives=(("x",),)) for path in ("/a/{id}", "/a"))

    assert easiest([public, write, one, many], ["x"]) == many
    assert easiest([public, write, one], ["x"]) == one
    assert easiest([write, one], []) == one
    assert easiest([], ["x"]) == Operation("GET", "/")


# Fetching


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    async def document(request: Request) -> Response:
        del request
        return JSONResponse(SMALL)

    async def elsewhere(request: Request) -> Response:
        del request
        return RedirectResponse("/openapi.json")

    async def enormous(request: Request) -> Response:
        del request

        async def body() -> object:
            for _ in range(64):
                yield b" " * 65_536

        return StreamingResponse(body())  # type: ignore[arg-type]

    async def silent(request: Request) -> Response:
        while not await request.is_disconnected():
            await asyncio.sleep(0.02)
        return Response()

    routes = {"openapi.json": document, "moved": elsewhere, "enormous": enormous, "silent": silent}
    app = Starlette(routes=[Route(f"/{path}", answer) for path, answer in routes.items()])
    server = LoopbackServer(lambda _: app)
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_document_on_this_machine_is_fetched(server: LoopbackServer, host: str) -> None:
    url = f"http://{host}:{server.port}/openapi.json"

    document = await fetch(url)

    assert document == Document((USERS,), url)
    assert document.base == f"http://{host}:{server.port}"


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("moved", "answers 307, not 200"),
        ("none", "answers 404, not 200"),
        ("enormous", "larger than 1024 KiB"),
    ],
)
async def test_what_answers_otherwise_is_refused(
    server: LoopbackServer, path: str, sentence: str
) -> None:
    with pytest.raises(Invalid, match=sentence):
        await fetch(f"{server.url}/{path}")


async def test_a_server_that_says_nothing_is_given_up(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loopback_fetch, "TIMEOUT", 0.2)

    with pytest.raises(Invalid, match=r"did not answer within 0.2 seconds|Nothing usable answers"):
        await fetch(f"{server.url}/silent")


async def test_where_nothing_listens_is_refused() -> None:
    server = LoopbackServer(lambda _: Starlette())
    server.start()
    server.stop()

    with pytest.raises(Invalid, match="Nothing usable answers"):
        await fetch(f"{server.url}/openapi.json")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "/openapi.json",
        "file:///etc/passwd",
        "ftp://127.0.0.1/openapi.json",
        "http://",
        "http:///openapi.json",
        "http://example.com/openapi.json",
        "http://10.0.0.1/",
        "http://0.0.0.0/",
        "http://169.254.169.254/latest",
        "http://127.0.0.1.example.com/",
        "http://localhost.example.com/",
        "http://user@127.0.0.1/",
        "http://127.0.0.1@example.com/",
        "http://127.0.0.1\\@example.com/",
        "http://example.com#@127.0.0.1/",
        "http://[::ffff:10.0.0.1]/",
        "http://2130706433/",
        "http://127.0.0.1:99999/",
        "http://[::1",
    ],
)
async def test_an_address_that_is_not_on_this_machine_is_refused_unasked(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: object) -> bytes:
        pytest.fail("it was asked")

    monkeypatch.setattr(loopback_fetch, "_get", never)
    with pytest.raises(Invalid, match="must be an http or https URL on this machine"):
        await fetch(url)
