"""Contract section 5 over WebSockets: where the token comes from, and how a refusal is said."""

from __future__ import annotations

from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket

from kinde_guard import (
    AccessToken,
    ExpiredToken,
    GuardError,
    InsufficientScope,
    InvalidRequest,
    KeysUnavailable,
    KindeGuard,
    MalformedToken,
    MissingToken,
    optional_token,
    require_scopes,
)
from tests.core.conftest import MakeApp
from tests.core.exchange import Conversation, check_refusal, connect
from tests.mint import CLIENT_ID, NOW, KeyServer, Tenant

pytestmark = pytest.mark.anyio


def check_denied(talk: Conversation, error: type[GuardError], **expected: object) -> None:
    assert not talk.accepted
    assert talk.close_code is None
    assert talk.denial is not None
    check_refusal(talk.denial, error, **expected)  # type: ignore[arg-type]


def check_closed(talk: Conversation, code: int) -> None:
    assert not talk.accepted
    assert talk.denial is None
    assert talk.close_code == code


async def test_token_in_the_header_is_accepted(app: FastAPI, tenant: Tenant) -> None:
    talk = await connect(app, token=tenant.token("read:users"))

    assert talk.accepted
    assert talk.subprotocol is None
    assert talk.texts == [f"hello {CLIENT_ID}"]


async def test_token_in_the_subprotocol_pair_is_accepted_and_answered_with_bearer(
    app: FastAPI, tenant: Tenant
) -> None:
    talk = await connect(app, subprotocols=["bearer", tenant.token("read:users")])

    assert talk.accepted
    assert talk.subprotocol == "bearer"
    assert talk.texts == [f"hello {CLIENT_ID}"]


@pytest.mark.parametrize(
    ("denial", "offered"), [(True, []), (True, ["chat"]), (False, []), (False, ["chat"])]
)
async def test_no_token_is_refused_with_401_or_closed_with_3000(
    denial: bool, offered: list[str], app: FastAPI
) -> None:
    talk = await connect(app, subprotocols=offered, denial=denial)
    if denial:
        check_denied(talk, MissingToken)
    else:
        check_closed(talk, 3000)


async def test_expired_token_gives_the_denial_response(app: FastAPI, tenant: Tenant) -> None:
    check_denied(await connect(app, token=tenant.token("read:users", exp=NOW - 5)), ExpiredToken)


async def test_expired_token_without_denial_response_closes_with_3000(
    app: FastAPI, tenant: Tenant
) -> None:
    token = tenant.token("read:users", exp=NOW - 5)
    check_closed(await connect(app, token=token, denial=False), 3000)


async def test_expired_token_in_the_subprotocol_pair_gives_the_denial_response(
    app: FastAPI, tenant: Tenant
) -> None:
    token = tenant.token("read:users", exp=NOW - 5)
    check_denied(await connect(app, subprotocols=["bearer", token]), ExpiredToken)


async def test_scopes_lacking_gives_the_denial_response_with_403(
    app: FastAPI, tenant: Tenant
) -> None:
    talk = await connect(app, token=tenant.token("create:users"))
    check_denied(talk, InsufficientScope, required=["read:users"])


async def test_scopes_lacking_without_denial_response_closes_with_3003(
    app: FastAPI, tenant: Tenant
) -> None:
    check_closed(await connect(app, token=tenant.token(), denial=False), 3003)


async def test_scopes_lacking_of_a_subprotocol_token_gives_403(
    app: FastAPI, tenant: Tenant
) -> None:
    talk = await connect(app, subprotocols=["bearer", tenant.token()])
    check_denied(talk, InsufficientScope, required=["read:users"])


async def test_keys_unavailable_gives_the_denial_response_with_503(
    app: FastAPI, tenant: Tenant, key_server: KeyServer
) -> None:
    key_server.fail(500)
    talk = await connect(app, token=tenant.token("read:users"))
    check_denied(talk, KeysUnavailable, retry_after=1)


async def test_keys_unavailable_without_denial_response_closes_with_3000(
    app: FastAPI, tenant: Tenant, key_server: KeyServer
) -> None:
    key_server.fail(500)
    check_closed(await connect(app, token=tenant.token("read:users"), denial=False), 3000)


async def test_header_and_subprotocol_pair_together_are_an_invalid_request(
    app: FastAPI, tenant: Tenant
) -> None:
    token = tenant.token("read:users")
    check_denied(await connect(app, token=token, subprotocols=["bearer", token]), InvalidRequest)


async def test_two_authorization_headers_are_an_invalid_request(
    app: FastAPI, tenant: Tenant
) -> None:
    headers = [("authorization", f"Bearer {tenant.token('read:users')}")] * 2
    check_denied(await connect(app, headers=headers), InvalidRequest)


async def test_invalid_request_without_denial_response_is_closed_before_it_is_accepted(
    app: FastAPI, tenant: Tenant
) -> None:
    headers = [("authorization", f"Bearer {tenant.token('read:users')}")] * 2
    talk = await connect(app, headers=headers, denial=False)
    assert not talk.accepted
    assert talk.close_code is not None


async def test_garbage_in_the_subprotocol_pair_is_malformed(app: FastAPI) -> None:
    check_denied(await connect(app, subprotocols=["bearer", "garbage"]), MalformedToken)


async def test_bearer_subprotocol_alone_is_refused(app: FastAPI) -> None:
    talk = await connect(app, subprotocols=["bearer"])
    assert not talk.accepted
    assert talk.denial is not None
    assert talk.denial.status == 401


async def test_token_alone_as_subprotocol_is_no_token(app: FastAPI, tenant: Tenant) -> None:
    talk = await connect(app, subprotocols=[tenant.token("read:users")])
    check_denied(talk, MissingToken)


async def test_token_in_the_query_is_no_token(app: FastAPI, tenant: Tenant) -> None:
    query = f"token={tenant.token('read:users')}".encode()
    check_denied(await connect(app, query_string=query), MissingToken)


async def test_unknown_path_without_a_token_is_refused_with_401(app: FastAPI) -> None:
    check_denied(await connect(app, "/nothing-here"), MissingToken)


async def test_public_path_without_a_token_is_accepted(make_app: MakeApp) -> None:
    app = make_app()

    @app.websocket("/assets/live")
    async def live(
        websocket: WebSocket, token: Annotated[AccessToken | None, Depends(optional_token)]
    ) -> None:
        await websocket.accept()
        await websocket.send_text(str(token))
        await websocket.close()

    talk = await connect(app, "/assets/live")
    assert talk.accepted
    assert talk.texts == ["None"]


async def test_public_path_with_a_bad_token_is_refused(make_app: MakeApp) -> None:
    check_denied(await connect(make_app(), "/assets/live", token="bad"), MalformedToken)


async def test_scopes_of_a_router_guard_its_websocket_too(
    guard: KindeGuard, tenant: Tenant
) -> None:
    router = APIRouter(dependencies=[Depends(require_scopes("read:feed"))])

    @router.websocket("/feed")
    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    app = FastAPI()
    app.include_router(router)
    guard.install(app)

    check_denied(
        await connect(app, token=tenant.token()), InsufficientScope, required=["read:feed"]
    )
    assert (await connect(app, token=tenant.token("read:feed"))).accepted


async def test_websocket_in_a_mounted_app_is_refused_with_403(
    guard: KindeGuard, tenant: Tenant
) -> None:
    inner = FastAPI()

    @inner.websocket("/feed")
    async def feed(
        websocket: WebSocket, token: Annotated[AccessToken, Depends(require_scopes("read:feed"))]
    ) -> None:
        await websocket.accept()
        await websocket.close()

    app = FastAPI()
    app.mount("/inner", inner)
    guard.install(app)

    check_denied(
        await connect(app, "/inner/feed", token=tenant.token()),
        InsufficientScope,
        required=["read:feed"],
    )
    closed = await connect(app, "/inner/feed", token=tenant.token(), denial=False)
    check_closed(closed, 3003)
    assert (await connect(app, "/inner/feed", token=tenant.token("read:feed"))).accepted


async def test_guard_missing_never_accepts(
    tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    app = FastAPI()

    @app.websocket("/feed")
    async def feed(
        websocket: WebSocket, token: Annotated[AccessToken, Depends(require_scopes("read:feed"))]
    ) -> None:
        await websocket.accept()

    talk = await connect(app, token=tenant.token("read:feed"))
    assert not talk.accepted
    assert "guard.install(app)" in caplog.text


async def test_two_pairs_of_subprotocols_are_an_invalid_request(
    app: FastAPI, tenant: Tenant
) -> None:
    raw = tenant.token("read:users")
    check_denied(await connect(app, subprotocols=["bearer", raw, "bearer", raw]), InvalidRequest)


async def test_refusal_after_the_websocket_was_accepted_closes_it_with_3003(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()

    @app.websocket("/feed")
    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        raise InsufficientScope(("read:feed",))

    guard.install(app)
    talk = await connect(app, token=tenant.token())
    assert talk.accepted
    assert talk.close_code == 3003
    assert talk.denial is None


async def test_subprotocol_that_the_app_chooses_itself_is_left_alone(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()
    seen: list[list[str]] = []

    @app.websocket("/feed")
    async def feed(websocket: WebSocket) -> None:
        seen.append(websocket.scope["subprotocols"])
        await websocket.accept(subprotocol="chat")
        await websocket.close()

    guard.install(app)
    raw = tenant.token()
    talk = await connect(app, subprotocols=["bearer", raw, "chat"])
    assert talk.subprotocol == "chat"
    assert raw not in seen[0]


async def test_refusal_counts_under_its_reason(
    guard: KindeGuard, make_app: MakeApp, tenant: Tenant
) -> None:
    app = make_app(guard)
    await connect(app)
    await connect(app, token=tenant.token())

    counted = {reason: count for reason, count in guard.stats.rejected.items() if count}
    assert counted == {"missing_token": 1, "insufficient_scope": 1}
