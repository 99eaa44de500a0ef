"""Any bytes whatever in the body of an OAuth request: 400, 413 or 415, never 500."""

from __future__ import annotations

import contextlib
import http.client as http_client
import socket
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinde_guard.local import Application, LocalKinde
from tests.local.clients import INVALID_REQUEST, assert_refused, token_form

FORM = {"content-type": "application/x-www-form-urlencoded"}


def post(http: httpx.Client, body: bytes, content_type: str | None = None) -> httpx.Response:
    headers = FORM if content_type is None else {"content-type": content_type}
    return http.post("/oauth2/token", content=body, headers=headers)


def refused(hint: str) -> dict[str, str]:
    return {"error": "invalid_request", "error_description": f"{INVALID_REQUEST} {hint}"}


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded; charset=latin-1",
        "application/x-www-form-urlencodedx",
    ],
)
def test_another_content_type_is_415(
    http: httpx.Client, back_office: Application, content_type: str
) -> None:
    body = urlencode(token_form(back_office)).encode()

    assert_refused(
        post(http, body, content_type),
        415,
        refused("The body must be application/x-www-form-urlencoded in UTF-8."),
    )


def test_no_content_type_is_415(http: httpx.Client) -> None:
    answer = http.post("/oauth2/token", content=b"a=b")

    assert answer.status_code == 415


@pytest.mark.parametrize("size", [65_537, 1_000_000, 20_000_000])
def test_a_body_that_is_too_large_is_413(http: httpx.Client, size: int) -> None:
    assert_refused(post(http, b"a" * size), 413, refused("The body must not exceed 65536 bytes."))


def test_a_client_that_sends_all_before_it_reads_sees_the_413_too(kinde: LocalKinde) -> None:
    url = httpx.URL(kinde.issuer)
    with contextlib.closing(http_client.HTTPConnection(url.host, url.port)) as connection:
        connection.request("POST", "/oauth2/token", b"a" * 7_000_000, FORM)
        assert connection.getresponse().status == 413


def test_a_body_too_large_without_a_declared_length_is_413(http: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield b"a" * 10_000

    answer = http.post("/oauth2/token", content=chunks(), headers=FORM)

    assert answer.status_code == 413


def test_a_body_of_exactly_the_limit_is_read(http: httpx.Client, back_office: Application) -> None:
    body = urlencode(token_form(back_office)).encode() + b"&padding="
    assert post(http, body.ljust(65_536, b"x")).status_code == 200


@pytest.mark.parametrize("body", [b"", b"&&&", b"grant_type", b"=", b"\x00", b"+", b"[1]", b"{}"])
def test_a_body_without_a_grant_type_is_400(http: httpx.Client, body: bytes) -> None:
    assert_refused(post(http, body), 400, refused("Request parameter 'grant_type' is missing."))


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a=%ff", b"a=%c3%28", b"&".join([b"a=b"] * 65)])
def test_bytes_that_are_no_utf8_or_too_many_parameters_are_400(
    http: httpx.Client, body: bytes
) -> None:
    assert_refused(
        post(http, body), 400, refused("The body is not UTF-8, or has too many parameters.")
    )


@pytest.mark.parametrize("body", [b"a=%", b"a=%z1", b"%0=a", b"a=%\xc3\xa9"])
def test_a_broken_percent_escape_is_400(http: httpx.Client, body: bytes) -> None:
    assert_refused(post(http, body), 400, refused("The body holds a broken percent escape."))


@pytest.mark.parametrize(
    "extra", ["scope=a&scope=a", "scope=&scope=a", "client_id=x", "grant_type=x", "u=1&u=2"]
)
def test_a_parameter_given_twice_is_400(
    http: httpx.Client, back_office: Application, extra: str
) -> None:
    body = f"{urlencode(token_form(back_office))}&{extra}".encode()

    assert_refused(post(http, body), 400, refused("A parameter is included more than once."))


def test_any_bytes_are_a_refusal_and_no_failure(http: httpx.Client) -> None:
    @given(body=st.binary(max_size=300), path=st.sampled_from(["token", "revoke", "introspect"]))
    def answers(body: bytes, path: str) -> None:
        answer = http.post(f"/oauth2/{path}", content=body, headers=FORM)
        assert answer.status_code in {400, 401}

    answers()


def test_a_client_that_goes_away_in_the_middle_of_its_body_harms_nothing(
    kinde: LocalKinde, http: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    address = httpx.URL(kinde.issuer)
    before = kinde.token_requests
    with socket.create_connection((address.host, address.port or 0)) as connection:
        connection.sendall(
            b"POST /oauth2/token HTTP/1.1\r\nHost: "
            + address.netloc
            + b"\r\nContent-Length: 100\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\ngrant_type="
        )
        while kinde.token_requests == before:
            pass

    assert http.get("/.well-known/jwks").status_code == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
