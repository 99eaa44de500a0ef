"""A token presented twice, or where none belongs, or in a header with more than one meaning."""

from __future__ import annotations

from typing import Any

import pytest

from kinde_guard import GuardError, InvalidRequest, InvalidSignature, MalformedToken, MissingToken
from tests.attack.bypass.target import Target
from tests.mint import SigningKey, Tenant

pytestmark = pytest.mark.anyio


@pytest.fixture
def good(tenant: Tenant) -> str:
    return tenant.token("read:users")


@pytest.fixture
def forged(tenant: Tenant, other_key: SigningKey) -> str:
    return tenant.token("read:users", key=other_key.renamed(tenant.key.kid))


@pytest.mark.parametrize(
    "values",
    [
        ("Bearer GOOD", "Bearer GOOD"),
        ("Bearer GOOD", "Bearer FORGED"),
        ("Bearer FORGED", "Bearer GOOD"),
        ("Basic eDp5", "Bearer GOOD"),
        ("Bearer GOOD", "Basic eDp5"),
        ("", "Bearer GOOD"),
        ("Bearer GOOD", ""),
        ("Bearer GOOD", "Bearer GOOD", "Bearer GOOD"),
    ],
)
@pytest.mark.parametrize("path", ["/users", "/open"])
async def test_two_authorization_headers_are_refused(
    values: tuple[str, ...], path: str, target: Target, good: str, forged: str
) -> None:
    """Two Authorization headers, of which a proxy reads the first and the guard the last.

    Seen: RFC 9110, section 5.2 (a field that may stand once); request smuggling by doubled fields.
    """
    headers = [
        ("authorization", value.replace("GOOD", good).replace("FORGED", forged)) for value in values
    ]
    await target.refuses(InvalidRequest, path, headers=headers)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (b"Bearer GOOD, Bearer GOOD", MalformedToken),
        (b"Bearer GOOD,", MalformedToken),
        (b"Bearer ,GOOD", MalformedToken),
        (b"Bearer, GOOD", MalformedToken),
        (b"Bearer GOOD;x=y", MalformedToken),
        (b'Bearer token="GOOD"', MalformedToken),
        (b"Bearer Bearer GOOD", MalformedToken),
        (b"Bearer\tGOOD", MalformedToken),
        (b"Bearer \tGOOD", MalformedToken),
        (b"Bearer\r\n GOOD", MalformedToken),
        (b"Bearer \r\n GOOD", MalformedToken),
        (b"Bearer\x00GOOD", MalformedToken),
        (b"Bearer GOOD\x00", MalformedToken),
        (b"Bearer GOOD ", MalformedToken),
        (b"Bearer GOOD\r\nX-Role: admin", MalformedToken),
        (b"Bearer\xa0GOOD", MalformedToken),
        (b"Bearer \xff\xfeGOOD", MalformedToken),
        (b"Bearer \xef\xbb\xbfGOOD", MalformedToken),
        (b"Bearer G\xc3\x96OD", MalformedToken),
        (b"Bearer:GOOD", MalformedToken),
        (b"Bearer=GOOD", MalformedToken),
        (b"Bearer", MalformedToken),
        (b"Bearer ", MalformedToken),
        (b"BearerGOOD", MissingToken),
        (b"Bearer.GOOD", MissingToken),
        (b" Bearer GOOD", MissingToken),
        (b"\tBearer GOOD", MissingToken),
        (b"Basic eDp5, Bearer GOOD", MissingToken),
        (b"Basic GOOD", MissingToken),
        (b"Token GOOD", MissingToken),
        (b"JWT GOOD", MissingToken),
        (b"DPoP GOOD", MissingToken),
        (b"GOOD", MissingToken),
        (b"\xc2\xa0Bearer GOOD", MissingToken),
        (b"", MissingToken),
    ],
)
async def test_header_with_more_or_less_than_one_token_is_refused(
    value: bytes, error: type[GuardError], target: Target, good: str
) -> None:
    """A good token with something before, after or around it: lists, folded lines, control
    characters, bytes that are no ASCII, other schemes.

    Seen: RFC 9112, section 5.2 (folding); guards that take the last word of the header.
    """
    headers = [("authorization", value.replace(b"GOOD", good.encode()))]
    await target.refuses(error, headers=headers)


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "bEaReR   "])
async def test_scheme_is_read_without_case(scheme: str, target: Target, good: str) -> None:
    """The good token in every right spelling: the attacks beside it fail for their difference.

    Seen: RFC 9110, section 11.1.
    """
    await target.lets_in(headers={"authorization": f"{scheme}{good}"})


PLACES: dict[str, dict[str, Any]] = {
    "query": {"query_string": b"access_token=GOOD&token=GOOD&jwt=GOOD&authorization=Bearer+GOOD"},
    "form": {
        "method": "POST",
        "body": b"access_token=GOOD&token=GOOD",
        "headers": {"content-type": "application/x-www-form-urlencoded"},
    },
    "json": {"method": "POST", "body": b'{"access_token": "GOOD", "token": "GOOD"}'},
    "cookie": {"headers": {"cookie": "access_token=GOOD; token=GOOD; Authorization=Bearer GOOD"}},
    "proxy": {"headers": {"proxy-authorization": "Bearer GOOD"}},
    "x-authorization": {"headers": {"x-authorization": "Bearer GOOD", "x-access-token": "GOOD"}},
    "forwarded": {"headers": {"x-forwarded-authorization": "Bearer GOOD"}},
    "user": {"headers": {"x-forwarded-user": "admin", "x-user": "admin", "remote-user": "admin"}},
    "spelled": {"headers": {"authorization ": "Bearer GOOD", "authorization_": "Bearer GOOD"}},
    "underscore": {"headers": {"http_authorization": "Bearer GOOD"}},
    "referer": {"headers": {"referer": "https://x/?access_token=GOOD"}},
    "subprotocol": {"headers": {"sec-websocket-protocol": "bearer, GOOD"}},
    "api-key": {"headers": {"x-api-key": "GOOD", "apikey": "GOOD"}},
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("path", ["/users", "/anything"])
async def test_good_token_in_another_place_is_not_looked_for(
    place: str, path: str, target: Target, good: str
) -> None:
    """A good token in the query, a form, a cookie, or a header of another name.

    Seen: RFC 9700, section 4.3.2 (queries end in logs); cookies, which another site makes a browser
    send.
    """
    request: dict[str, Any] = {}
    for name, value in PLACES[place].items():
        if isinstance(value, bytes):
            request[name] = value.replace(b"GOOD", good.encode())
        elif isinstance(value, dict):
            request[name] = {key: text.replace("GOOD", good) for key, text in value.items()}
        else:
            request[name] = value
    if path == "/users":
        request.pop("method", None)
    await target.refuses(MissingToken, path, **request)


async def test_header_name_in_capitals_is_not_a_second_way_in(
    target: Target, good: str, forged: str
) -> None:
    """A header name that a server, against the ASGI specification, hands over in capitals.

    Seen: the specification: names are lower case; whoever breaks that gets 401, not more.
    """
    scope: dict[str, Any] = {"headers": ()}
    capital = [(b"Authorization", f"Bearer {good}".encode())]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await target.app({**scope, "headers": [*scope["headers"], *capital]}, receive, send)

    from tests.core.exchange import call, check_refusal  # noqa: PLC0415

    check_refusal(await call(app, "/users", **scope), MissingToken)
    check_refusal(await call(app, "/users", token=forged), InvalidSignature)
    assert target.reached == []


async def test_public_path_refuses_a_bad_token(target: Target, good: str, forged: str) -> None:
    """A forged token on a public path, whose handler may read who the caller is.

    Seen: kinde-auth-nextjs, issue 238 (claims that are read and not checked).
    """
    await target.refuses(InvalidSignature, "/open", token=forged)
    assert (await target.lets_in("/open")).json == {"principal": None}
    assert (await target.lets_in("/open", token=good)).json["principal"] is not None
