"""Scopes for tools: what is let through, what is refused and how, whatever the body is."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinde_guard import KindeGuard, KindeGuardMiddleware
from kinde_guard.mcp import guard_tools
from tests.core.exchange import Answer, call, http_scope, settle
from tests.mcp.conftest import METADATA, MakeGuard, body_of, message, tool_call
from tests.mint import Tenant

pytestmark = pytest.mark.anyio

TOOLS = {
    "create_invoice": ["invoices:write", "invoices:read"],
    "list_invoices": ["invoices:read"],
    "ping": [],
}
REALM = 'Bearer realm="api", error="insufficient_scope", error_description="The access token '
LACKS_SCOPE = REALM + 'lacks a scope that this request needs.", scope="{scope}", '
NOT_ALLOWED = REALM + 'does not allow this request.", '
NAMES_METADATA = f'resource_metadata="{METADATA}"'


class Echo:
    """An application that answers with the body that reached it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        self.bodies.append(body)
        await PlainTextResponse(body)(scope, receive, send)


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def app(echo: Echo, guard: KindeGuard) -> ASGIApp:
    return KindeGuardMiddleware(guard_tools(TOOLS)(echo), guard=guard)


async def post(
    app: ASGIApp, token: str | None, body: Any, headers: dict[str, str] | None = None
) -> Answer:
    content = body if isinstance(body, bytes) else body_of(body)
    given = {"content-type": "application/json", **(headers or {})}
    return await call(app, "/mcp", method="POST", token=token, headers=given, body=content)


def check_error(
    answer: Answer, status: int, error: Any, challenge: str | None = None, **more: str
) -> None:
    assert answer.status == status
    assert answer.json == error
    wanted = {
        "content-type": "application/json",
        "cache-control": "no-store",
        "content-length": str(len(answer.body)),
        **more,
    }
    if challenge is not None:
        wanted["www-authenticate"] = challenge
    assert sorted(answer.headers) == sorted(wanted.items())


def error_of(id_: Any, code: int, text: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
    error = {"code": code, "message": text, **({"data": data} if data else {})}
    return {"jsonrpc": "2.0", "id": id_, "error": error}


def lacks(id_: Any, *required: str) -> dict[str, Any]:
    data = {
        "error": "insufficient_scope",
        "reason": "insufficient_scope",
        "required_scopes": list(required),
    }
    return error_of(id_, 403, "The access token lacks a scope that this request needs.", data)


def undeclared(id_: Any) -> dict[str, Any]:
    data = {"error": "insufficient_scope", "reason": "access_denied"}
    return error_of(id_, 403, "The access token does not allow this request.", data)


# --- allowed -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scopes", "tool"),
    [
        (("invoices:read", "invoices:write"), "create_invoice"),
        (("invoices:read",), "list_invoices"),
        ((), "ping"),
    ],
)
async def test_call_with_the_scopes_of_its_tool_reaches_the_server(
    scopes: tuple[str, ...], tool: str, app: ASGIApp, tenant: Tenant, echo: Echo
) -> None:
    body = body_of(tool_call(tool))
    answer = await post(app, tenant.token(*scopes), body)
    assert (answer.status, answer.body, echo.bodies) == (200, body, [body])


@pytest.mark.parametrize(
    "body",
    [
        body_of(message("tools/list")),
        body_of(message("initialize")),
        body_of({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        body_of({"jsonrpc": "2.0", "id": 3, "result": {}}),
        body_of([message("tools/list"), message("ping", 2)]),
        body_of({"redirect_uris": ["https://client.example/callback"]}),
        b"grant_type=authorization_code&code=1",
        b"--boundary\r\n",
        b"",
        b"[]",
    ],
)
async def test_what_calls_no_tool_reaches_the_server_unchanged(
    body: bytes, app: ASGIApp, tenant: Tenant, echo: Echo
) -> None:
    assert (await post(app, tenant.token(), body)).status == 200
    assert echo.bodies == [body]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
async def test_method_without_messages_is_not_looked_at(
    method: str, app: ASGIApp, tenant: Tenant
) -> None:
    answer = await call(app, "/mcp", method=method, token=tenant.token(), body=b"{")
    assert answer.status == 200


async def test_body_in_pieces_is_put_together(app: ASGIApp, tenant: Tenant, echo: Echo) -> None:
    body = body_of(tool_call("ping"))
    incoming: list[Message] = [
        {"type": "http.request", "body": bytes([octet]), "more_body": True} for octet in body
    ]
    incoming.append({"type": "http.request"})
    sent = await exchange(app, incoming, tenant.token())
    assert sent[0]["status"] == 200
    assert echo.bodies == [body]


# --- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize("id_", [1, "a", 1.5, None])
async def test_call_without_a_scope_gets_403_with_all_scopes_of_its_tool(
    id_: Any, app: ASGIApp, tenant: Tenant, echo: Echo
) -> None:
    answer = await post(app, tenant.token("invoices:read"), tool_call("create_invoice", id_))
    challenge = LACKS_SCOPE.format(scope="invoices:write invoices:read") + NAMES_METADATA
    check_error(answer, 403, lacks(id_, "invoices:write", "invoices:read"), challenge)
    assert echo.bodies == []


@pytest.mark.parametrize("id_", [True, {"a": 1}, [1]])
async def test_id_of_another_type_is_not_echoed(id_: Any, app: ASGIApp, tenant: Tenant) -> None:
    answer = await post(app, tenant.token(), tool_call("list_invoices", id_))
    assert answer.json == lacks(None, "invoices:read")


async def test_notification_that_calls_a_tool_is_refused(app: ASGIApp, tenant: Tenant) -> None:
    body = {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "list_invoices"}}
    answer = await post(app, tenant.token(), body)
    assert (answer.status, answer.json) == (403, lacks(None, "invoices:read"))


@pytest.mark.parametrize("name", ["delete_invoice", "Create_invoice", "ping ", "", "ping\u0000"])
async def test_tool_that_is_not_declared_cannot_be_called(
    name: str, app: ASGIApp, tenant: Tenant, echo: Echo
) -> None:
    token = tenant.token("invoices:read", "invoices:write")
    answer = await post(app, token, tool_call(name))
    check_error(answer, 403, undeclared(1), NOT_ALLOWED + NAMES_METADATA)
    assert echo.bodies == []


async def test_guard_without_a_resource_names_no_metadata(
    make_guard: MakeGuard, tenant: Tenant, echo: Echo
) -> None:
    app = KindeGuardMiddleware(guard_tools(TOOLS)(echo), guard=make_guard(resource=None))
    answer = await post(app, tenant.token(), tool_call("list_invoices"))
    challenge = LACKS_SCOPE.format(scope="invoices:read").removesuffix(", ")
    check_error(answer, 403, lacks(1, "invoices:read"), challenge)


async def test_refusal_is_counted(app: ASGIApp, guard: KindeGuard, tenant: Tenant) -> None:
    await post(app, tenant.token(), tool_call("list_invoices"))
    await post(app, tenant.token(), tool_call("unknown"))
    assert guard.stats.rejected == {"insufficient_scope": 1, "access_denied": 1}


@pytest.mark.parametrize("params", [{}, {"name": 1}, {"name": None}, {"name": ["ping"]}, [], None])
async def test_call_that_names_no_tool_is_no_call(
    params: Any, app: ASGIApp, tenant: Tenant, echo: Echo
) -> None:
    body = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}
    answer = await post(app, tenant.token(), body)
    check_error(answer, 400, error_of(7, -32602, "The call names no tool."))
    assert echo.bodies == []


# --- batches -------------------------------------------------------------------------------------


async def test_batch_with_a_call_that_is_not_allowed_is_refused_whole(
    app: ASGIApp, tenant: Tenant, echo: Echo
) -> None:
    batch = [
        tool_call("list_invoices", 1),
        message("tools/list", 2),
        tool_call("create_invoice", 3),
    ]
    answer = await post(app, tenant.token("invoices:read"), batch)
    required = ("invoices:read", "invoices:write")
    challenge = LACKS_SCOPE.format(scope=" ".join(required)) + NAMES_METADATA
    check_error(answer, 403, [lacks(id_, *required) for id_ in (1, 2, 3)], challenge)
    assert echo.bodies == []


async def test_batch_of_calls_that_are_allowed_reaches_the_server(
    app: ASGIApp, tenant: Tenant, echo: Echo
) -> None:
    body = body_of([tool_call("ping", 1), tool_call("list_invoices", 2)])
    assert (await post(app, tenant.token("invoices:read"), body)).status == 200
    assert echo.bodies == [body]


@pytest.mark.parametrize("body", [b"[1]", b"[[]]", b'["a"]', b"[null]", b'{"method": 1}', b'"x"'])
async def test_json_that_is_no_message_is_refused(
    body: bytes, app: ASGIApp, tenant: Tenant, echo: Echo
) -> None:
    answer = await post(app, tenant.token(), body)
    check_error(answer, 400, error_of(None, -32600, "The body is no JSON-RPC message."))
    assert echo.bodies == []


# --- two readings --------------------------------------------------------------------------------

CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"create_invoice"}}'


@pytest.mark.parametrize(
    "body",
    [
        b'{"id":1,"method":"tools/call","method":"tools/list","params":{"name":"create_invoice"}}',
        b'{"id":1,"method":"tools/list","method":"tools/call","params":{"name":"create_invoice"}}',
        b'{"id":1,"method":"tools/call","params":{"name":"ping","name":"create_invoice"}}',
        b'{"id":1,"method":"tools/call","params":{"name":"ping"},"params":{"name":"x"}}',
        b'{"id":NaN}',
        CALL.encode("utf-16"),
        CALL.encode("utf-16-le"),
        CALL.encode("utf-16-be"),
        CALL.encode("utf-32"),
        b"\xef\xbb\xbf" + CALL.encode(),
        b"\xff" + CALL.encode(),
        CALL.encode() + CALL.encode(),
        b"{" + CALL.encode(),
        b"\x00" + CALL.encode(),
        b" grant_type=x",
        b"[" * 33 + b"]" * 33,
        b'{"id": 1e999}',
    ],
)
async def test_body_that_could_be_read_in_two_ways_is_refused(
    body: bytes, app: ASGIApp, tenant: Tenant, echo: Echo
) -> None:
    answer = await post(app, tenant.token("invoices:read", "invoices:write"), body)
    check_error(answer, 400, error_of(None, -32700, "The body is not unambiguous JSON in UTF-8."))
    assert echo.bodies == []


def encoded(name: str) -> str:
    return f"=?base64?{base64.b64encode(name.encode()).decode()}?="


@pytest.mark.parametrize(
    "headers",
    [
        {"mcp-method": "tools/call", "mcp-name": "ping"},
        {"mcp-name": "ping"},
        {"mcp-method": "tools/call", "mcp-name": encoded("ping")},
        {},
    ],
)
async def test_headers_that_agree_with_the_body_change_nothing(
    headers: dict[str, str], app: ASGIApp, tenant: Tenant
) -> None:
    assert (await post(app, tenant.token(), tool_call("ping"), headers)).status == 200


async def test_name_outside_of_ascii_agrees_in_its_encoded_form(
    guard: KindeGuard, tenant: Tenant, echo: Echo
) -> None:
    app = KindeGuardMiddleware(guard_tools({"løn": []})(echo), guard=guard)
    headers = {"mcp-method": "tools/call", "mcp-name": encoded("løn")}
    assert (await post(app, tenant.token(), tool_call("løn"), headers)).status == 200


MISMATCH = "Mcp-Method or Mcp-Name does not agree with the body."


@pytest.mark.parametrize(
    ("headers", "tool"),
    [
        ({"mcp-method": "tools/list"}, "create_invoice"),
        ({"mcp-method": "tools/list", "mcp-name": "create_invoice"}, "create_invoice"),
        ({"mcp-method": "tools/call", "mcp-name": "ping"}, "create_invoice"),
        ({"mcp-method": "tools/call", "mcp-name": encoded("ping")}, "create_invoice"),
        ({"mcp-name": "ping"}, "create_invoice"),
        ({"mcp-method": "tools/call"}, "ping"),
        ({"mcp-method": "TOOLS/CALL", "mcp-name": "ping"}, "ping"),
        ({"mcp-method": "tools/call", "mcp-name": "=?base64?cGluZ?="}, "ping"),
        ({"mcp-method": "tools/call", "mcp-name": "=?base64?cGluZ===?="}, "ping"),
        ({"mcp-method": "tools/call", "mcp-name": "=?base64?/w==?="}, "ping"),
        ({"mcp-method": "tools/call", "mcp-name": "=?base64?YR==?="}, "a"),
        ({"mcp-method": "tools/call", "mcp-name": ""}, "ping"),
        ({"mcp-method": ""}, "ping"),
    ],
)
async def test_headers_that_do_not_agree_with_the_body_are_refused(
    headers: dict[str, str], tool: str, app: ASGIApp, tenant: Tenant, echo: Echo
) -> None:
    token = tenant.token("invoices:read", "invoices:write")
    answer = await post(app, token, tool_call(tool, 5), headers)
    check_error(answer, 400, error_of(5, -32020, MISMATCH))
    assert echo.bodies == []


async def test_header_that_hides_a_call_in_the_body_is_refused(
    app: ASGIApp, tenant: Tenant
) -> None:
    headers = {"mcp-method": "tools/call", "mcp-name": "ping"}
    answer = await post(app, tenant.token(), message("tools/list"), headers)
    check_error(answer, 400, error_of(1, -32020, MISMATCH))


@pytest.mark.parametrize("name", ["mcp-method", "mcp-name"])
async def test_header_that_is_sent_twice_is_refused(
    name: str, app: ASGIApp, tenant: Tenant
) -> None:
    headers = [("mcp-method", "tools/call"), ("mcp-name", "ping")]
    headers.append(next(pair for pair in headers if pair[0] == name))
    answer = await call(
        app,
        method="POST",
        token=tenant.token(),
        headers=headers,
        body=body_of(tool_call("ping")),
    )
    check_error(answer, 400, error_of(1, -32020, MISMATCH))


async def test_header_beside_a_batch_is_refused(app: ASGIApp, tenant: Tenant) -> None:
    headers = {"mcp-method": "tools/call", "mcp-name": "ping"}
    answer = await post(app, tenant.token(), [tool_call("ping")], headers)
    check_error(answer, 400, [error_of(1, -32020, MISMATCH)])


async def test_name_of_a_prompt_or_resource_has_to_agree_too(app: ASGIApp, tenant: Tenant) -> None:
    token = tenant.token()
    headers = {"mcp-method": "resources/read", "mcp-name": "file:///a"}
    read = message("resources/read", uri="file:///a")
    assert (await post(app, token, read, headers)).status == 200
    read = message("resources/read", uri="file:///b")
    assert (await post(app, token, read, headers)).status == 400


# --- size and streams ----------------------------------------------------------------------------

TOO_LARGE = error_of(None, -32600, "The body is too large.")


async def exchange(
    app: ASGIApp, incoming: list[Message], token: str, headers: dict[str, str] | None = None
) -> list[Message]:
    """Give the app these messages, which it may take or leave, and return what it sent."""
    sent: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    given = {"authorization": f"Bearer {token}", **(headers or {})}
    async with asyncio.timeout(5):
        await app(http_scope("POST", "/mcp", given), receive, send)
    return sent


@pytest.fixture
def small(echo: Echo, guard: KindeGuard) -> ASGIApp:
    return KindeGuardMiddleware(guard_tools(TOOLS, max_body_bytes=100)(echo), guard=guard)


async def test_body_at_the_limit_reaches_the_server(
    small: ASGIApp, tenant: Tenant, echo: Echo
) -> None:
    body = body_of(tool_call("ping")).ljust(100)
    assert (await post(small, tenant.token(), body)).status == 200
    assert echo.bodies == [body]


async def test_body_over_the_limit_gets_413(small: ASGIApp, tenant: Tenant, echo: Echo) -> None:
    answer = await post(small, tenant.token(), body_of(tool_call("ping")).ljust(101))
    check_error(answer, 413, TOO_LARGE, connection="close")
    assert echo.bodies == []


@pytest.mark.parametrize("length", ["101", "9" * 30])
async def test_body_that_announces_too_much_is_not_read(
    length: str, small: ASGIApp, tenant: Tenant
) -> None:
    incoming: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}]
    sent = await exchange(small, incoming, tenant.token(), {"content-length": length})
    assert sent[0]["status"] == 413
    assert len(incoming) == 1


async def test_stream_without_end_is_read_to_the_limit_and_no_further(
    small: ASGIApp, tenant: Tenant
) -> None:
    incoming: list[Message] = [
        {"type": "http.request", "body": b"{" * 60, "more_body": True} for _ in range(10)
    ]
    sent = await exchange(small, incoming, tenant.token())
    assert sent[0]["status"] == 413
    assert len(incoming) == 8


async def test_client_that_hangs_up_before_the_end_calls_nothing(
    app: ASGIApp, tenant: Tenant, echo: Echo
) -> None:
    incoming: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}]
    with pytest.raises(ClientDisconnect):
        await exchange(app, incoming, tenant.token())
    assert echo.bodies == []


async def test_receive_goes_on_to_the_client_after_the_body(
    guard: KindeGuard, tenant: Tenant
) -> None:
    seen: list[str] = []

    async def listening(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((await receive())["type"])
        seen.append((await receive())["type"])
        await Response()(scope, receive, send)

    app = KindeGuardMiddleware(guard_tools(TOOLS)(listening), guard=guard)
    assert (await post(app, tenant.token(), tool_call("ping"))).status == 200
    assert seen == ["http.request", "http.disconnect"]


# --- where it stands -----------------------------------------------------------------------------


def starlette(echo: Echo) -> Starlette:
    return Starlette(routes=[Route("/mcp", echo)])


@pytest.mark.parametrize("order", ["tools first", "guard first"])
async def test_order_of_install_and_add_middleware_does_not_matter(
    order: str, guard: KindeGuard, tenant: Tenant, echo: Echo
) -> None:
    app = starlette(echo)
    if order == "guard first":
        guard.install(app)
    app.add_middleware(guard_tools(TOOLS))
    if order == "tools first":
        guard.install(app)
    assert (await post(app, None, tool_call("ping"))).status == 401
    assert (await post(app, tenant.token(), tool_call("list_invoices"))).status == 403
    assert echo.bodies == []
    assert (await post(app, tenant.token(), tool_call("ping"))).status == 200


@pytest.mark.parametrize("order", ["inside", "outside"])
async def test_base_http_middleware_around_or_inside_changes_no_refusal(
    order: str, guard: KindeGuard, tenant: Tenant, echo: Echo
) -> None:
    async def pass_on(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    app = starlette(echo)
    if order == "inside":
        app.add_middleware(BaseHTTPMiddleware, dispatch=pass_on)
    app.add_middleware(guard_tools(TOOLS))
    if order == "outside":
        app.add_middleware(BaseHTTPMiddleware, dispatch=pass_on)
    guarded = KindeGuardMiddleware(app, guard=guard)
    answer = await post(guarded, tenant.token(), tool_call("list_invoices"))
    assert (answer.status, answer.json) == (403, lacks(1, "invoices:read"))
    assert echo.bodies == []
    assert (await post(guarded, tenant.token(), tool_call("ping"))).status == 200


def test_refusal_on_trio_is_the_same(echo: Echo) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body_of(tool_call("list_invoices"))}

    async def send(message: Message) -> None:
        sent.append(message)

    async def serve() -> None:
        await guard_tools(TOOLS)(echo)(http_scope("POST", "/mcp"), receive, send)

    anyio.run(serve, backend="trio")
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 500
    assert echo.bodies == []


async def test_refusal_after_the_answer_began_ends_it(guard: KindeGuard, tenant: Tenant) -> None:
    reached: list[str] = []

    async def hasty(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await receive()
        reached.append("the call")

    app = KindeGuardMiddleware(guard_tools(TOOLS)(hasty), guard=guard)
    incoming: list[Message] = [
        {"type": "http.request", "body": body_of(tool_call("list_invoices"))}
    ]
    sent = await exchange(app, incoming, tenant.token())
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert reached == []


async def test_call_without_a_token_on_a_public_path_gets_401(
    make_guard: MakeGuard, echo: Echo
) -> None:
    guard = make_guard(public_paths=("/mcp",))
    app = KindeGuardMiddleware(guard_tools(TOOLS)(echo), guard=guard)
    assert (await post(app, None, message("tools/list"))).status == 200
    answer = await post(app, None, tool_call("list_invoices"))
    check_error(
        answer,
        401,
        error_of(
            1,
            401,
            "A bearer access token is required.",
            {"error": None, "reason": "missing_token"},
        ),
        f'Bearer realm="api", scope="invoices:read", {NAMES_METADATA}',
    )


async def test_call_without_any_authentication_gets_500(
    echo: Echo, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await post(guard_tools(TOOLS)(echo), None, tool_call("ping"))
    check_error(answer, 500, error_of(1, -32603, "Internal error"))
    assert "no guard" in caplog.text
    assert echo.bodies == []


async def test_what_the_application_sends_after_a_refusal_is_dropped(
    guard: KindeGuard, tenant: Tenant
) -> None:
    async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await receive()
        finally:
            await send({"type": "http.response.start", "status": 200, "headers": []})

    app = KindeGuardMiddleware(guard_tools(TOOLS)(stubborn), guard=guard)
    answer = await post(app, tenant.token(), tool_call("list_invoices"))
    assert answer.status == 403


async def test_application_that_reads_in_a_task_of_its_own_sees_the_client_gone(
    guard: KindeGuard, tenant: Tenant
) -> None:
    seen: list[str] = []

    async def detached(scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.create_task(read(receive))
        await asyncio.wait([task])

    async def read(receive: Receive) -> None:
        seen.append((await receive())["type"])

    app = KindeGuardMiddleware(guard_tools(TOOLS)(detached), guard=guard)
    answer = await post(app, tenant.token(), tool_call("list_invoices"))
    assert answer.status == 403
    await settle()
    assert seen == ["http.disconnect"]


async def test_websocket_and_lifespan_pass(echo: Echo) -> None:
    passed: list[str] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        passed.append(scope["type"])

    app = guard_tools(TOOLS)(inner)
    for kind in ("websocket", "lifespan"):
        await app({"type": kind}, _unused, _unused)
    assert passed == ["websocket", "lifespan"]


async def _unused(*_: object) -> Any:
    raise AssertionError("it is not called")


# --- what is written down ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tools", "text"),
    [
        ({"a": "invoices:write"}, "a: 'invoices:write' was given; write a list of scopes"),
        ({"a": ["in voices"]}, "'in voices' is no name of a scope"),
        ({"a": [1]}, "1 was given as a scope"),
        ({"": []}, "'' was given as the name of a tool"),
        ({1: []}, "1 was given as the name of a tool"),
    ],
)
def test_tools_that_make_no_sense_are_refused_where_they_are_written(tools: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r"given|name") as failure:
        guard_tools(tools)
    assert text in str(failure.value)


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_must_be_positive(limit: int) -> None:
    with pytest.raises(ValueError, match="max_body_bytes"):
        guard_tools(TOOLS, max_body_bytes=limit)


def test_scopes_of_all_tools_are_known() -> None:
    assert guard_tools(TOOLS).scopes == {"invoices:read", "invoices:write"}
