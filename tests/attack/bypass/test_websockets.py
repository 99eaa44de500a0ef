"""WebSockets, which HTTP middlewares do not see, and whose token may come as a subprotocol."""

from __future__ import annotations

from typing import Any

import pytest

from tests.attack.bypass.target import Target
from tests.core.exchange import connect
from tests.mint import SigningKey, Tenant

pytestmark = pytest.mark.anyio

EVERY_FEED = pytest.mark.parametrize("path", ["/feed", "/plain-feed", "/no-such-feed"])


@EVERY_FEED
@pytest.mark.parametrize("denial", [True, False])
async def test_websocket_without_a_token_is_refused(
    denial: bool, path: str, target: Target
) -> None:
    """A WebSocket without a token, on a route that asks for one and on a route that does not.

    Seen: headroom, issue 3281; pocketpaw, pull request 905 (middlewares for HTTP pass WebSockets
    on); tightwad, issue 4.
    """
    talk = await target.turns_away(path, denial=denial)
    assert talk.close_code == (None if denial else 3000)
    assert (talk.denial.status if talk.denial else None) == (401 if denial else None)


@EVERY_FEED
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example", "access-control-request-method": "GET"},
        {"cookie": "access_token=GOOD; session=GOOD"},
        {"x-access-token": "GOOD", "proxy-authorization": "Bearer GOOD"},
        {"authorization": "Basic GOOD"},
        {"sec-websocket-key": "GOOD", "sec-websocket-extensions": "bearer; token=GOOD"},
    ],
)
async def test_websocket_with_a_token_elsewhere_is_refused(
    headers: dict[str, str], path: str, target: Target, tenant: Tenant
) -> None:
    """A good token in the query or a cookie of a handshake, or the headers of a preflight.

    Seen: cross-site WebSocket hijacking (browsers send cookies with every handshake); hermes-agent,
    pull request 85525 (tokens in queries).
    """
    good = tenant.token("read:users")
    sent = {name: value.replace("GOOD", good) for name, value in headers.items()}
    query = f"access_token={good}&token={good}".encode()
    await target.turns_away(path, headers=sent, query_string=query)


@pytest.mark.parametrize(
    "offered",
    [
        ["bearer"],
        ["bearer", ""],
        ["bearer", "bearer"],
        ["bearer", "bearer", "GOOD"],
        ["bearer", "GOOD", "bearer", "GOOD"],
        ["bearer", "FORGED", "bearer", "GOOD"],
        ["bearer", "FORGED", "GOOD"],
        ["bearer", "chat", "GOOD"],
        ["GOOD", "bearer"],
        ["GOOD"],
        ["chat", "GOOD"],
        ["Bearer", "GOOD"],
        ["BEARER", "GOOD"],
        ["bearer ", "GOOD"],
        ["bearer GOOD"],
        ["bearer,GOOD"],
        ["bearer.GOOD"],
        ["bearer", " GOOD"],
        ["bearer", "GOOD "],
        ["bearer", "GOOD=="],
        ["bearer", "G\u00d6OD"],
        ["base64url.bearer.authorization.k8s.io.GOOD"],
    ],
)
async def test_subprotocols_that_are_not_the_pair_are_refused(
    offered: list[str], target: Target, tenant: Tenant, other_key: SigningKey
) -> None:
    """Subprotocols doubled, in another order or spelling, and a good token behind a bad one.

    Seen: Kubernetes takes tokens from subprotocols; readers that take the last, or any that fits.
    """
    good = tenant.token("read:users")
    forged = tenant.token("read:users", key=other_key.renamed(tenant.key.kid))
    sent = [name.replace("GOOD", good).replace("FORGED", forged) for name in offered]
    await target.turns_away(subprotocols=sent)
    talk = await connect(target.app, "/feed", subprotocols=["bearer", good])
    assert talk.accepted


@pytest.mark.parametrize("header", ["GOOD", "FORGED"])
@pytest.mark.parametrize("offered", ["GOOD", "FORGED"])
async def test_token_in_the_header_and_in_the_subprotocol_is_refused(
    header: str, offered: str, target: Target, tenant: Tenant, other_key: SigningKey
) -> None:
    """A token in each of the two places, of which two readers take different ones.

    Seen: RFC 6750, section 2 (no more than one method in a request).
    """
    tokens = {
        "GOOD": tenant.token("read:users"),
        "FORGED": tenant.token("read:users", key=other_key.renamed(tenant.key.kid)),
    }
    talk = await target.turns_away(token=tokens[header], subprotocols=["bearer", tokens[offered]])
    assert talk.denial is not None
    assert talk.denial.status == 400


@pytest.mark.parametrize("path", ["/feed", "/plain-feed"])
async def test_upgrade_headers_on_a_plain_request_change_nothing(
    path: str, target: Target, tenant: Tenant
) -> None:
    """A plain HTTP request dressed as a handshake, with the token as a subprotocol.

    Seen: middlewares that leave everything with an ``Upgrade`` header to the application.
    """
    from kinde_guard import MissingToken  # noqa: PLC0415

    headers: dict[str, Any] = {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-protocol": f"bearer, {tenant.token('read:users')}",
    }
    await target.refuses(MissingToken, path, headers=headers)


async def test_websocket_with_too_little_scope_is_refused(target: Target, tenant: Tenant) -> None:
    """A handshake whose token lacks the scope that the route asks for.

    Seen: WebSocket routes that check who comes and forget what they may.
    """
    talk = await target.turns_away(token=tenant.token("openid"))
    assert talk.denial is not None
    assert talk.denial.status == 403
    talk = await target.turns_away(token=tenant.token("openid"), denial=False)
    assert talk.close_code == 3003
