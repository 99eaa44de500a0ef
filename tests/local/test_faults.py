from __future__ import annotations

import time
from typing import Any

import anyio
import httpx
import pytest

from kinde_guard.local import Application, LocalKinde, Tenant, create_app
from tests.local.clients import ask, token_form

JWKS = "/.well-known/jwks"


@pytest.mark.parametrize("status", [200, 302, 404, 429, 500, 503])
def test_status_answers_with_it(kinde: LocalKinde, http: httpx.Client, status: int) -> None:
    with kinde.fail("status", status=status):
        answer = http.get(JWKS)

    assert answer.status_code == status
    assert answer.json() == {
        "error": "server_error",
        "error_description": "Local Kinde was told to fail.",
    }


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_status_without_a_body_has_none(
    kinde: LocalKinde, http: httpx.Client, status: int
) -> None:
    with kinde.fail("status", status=status):
        answer = http.get(JWKS)

    assert (answer.status_code, answer.content) == (status, b"")
    assert http.get(JWKS).status_code == 200


def test_slow_answers_truly_but_late(kinde: LocalKinde, http: httpx.Client) -> None:
    true = http.get(JWKS).json()
    began = time.monotonic()
    with kinde.fail("slow", seconds=0.2):
        answer = http.get(JWKS)

    assert time.monotonic() - began >= 0.2
    assert (answer.status_code, answer.json()) == (200, true)


def test_slow_makes_a_hasty_client_give_up(kinde: LocalKinde, http: httpx.Client) -> None:
    with kinde.fail("slow"), pytest.raises(httpx.ReadTimeout):
        http.get(JWKS, timeout=0.1)


def test_trickle_begins_at_once_and_ends_late(kinde: LocalKinde, http: httpx.Client) -> None:
    true = http.get(JWKS).content
    began = time.monotonic()
    with kinde.fail("trickle", seconds=0.5), http.stream("GET", JWKS) as answer:
        headers_after = time.monotonic() - began
        body = answer.read()

    assert headers_after < 0.4
    assert time.monotonic() - began >= 0.45
    assert body == true


def test_trickle_outlives_a_time_out_that_each_piece_restarts(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    with kinde.fail("trickle", seconds=0.6):
        assert http.get(JWKS, timeout=0.4).status_code == 200


def test_garbage_calls_itself_json_and_is_none(kinde: LocalKinde, http: httpx.Client) -> None:
    with kinde.fail("garbage"):
        answer = http.get(JWKS)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()


def test_truncated_ends_before_the_length_that_it_declared(
    kinde: LocalKinde, http: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        kinde.fail("truncated"),
        pytest.raises(httpx.RemoteProtocolError, match="received 233 bytes"),
    ):
        http.get(JWKS)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_invalid_utf8_cannot_be_decoded(kinde: LocalKinde, http: httpx.Client) -> None:
    with kinde.fail("invalid_utf8"):
        answer = http.get(JWKS)

    assert answer.status_code == 200
    with pytest.raises(UnicodeDecodeError):
        answer.content.decode()


def test_oversized_is_the_true_answer_of_exactly_that_size_and_declares_no_length(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    true = http.get(JWKS).json()
    with kinde.fail("oversized", size=300_000):
        answer = http.get(JWKS)

    assert "content-length" not in answer.headers
    assert (len(answer.content), answer.json()) == (300_000, true)


def test_redirect_leads_to_the_true_answer(kinde: LocalKinde, http: httpx.Client) -> None:
    true = http.get(JWKS).json()
    with kinde.fail("redirect"):
        stayed = http.get(JWKS)
        followed = http.get(JWKS, follow_redirects=True)

    assert stayed.status_code == 307
    assert stayed.headers["location"] == "/.well-known/jwks?redirected=yes"
    assert (followed.status_code, followed.json()) == (200, true)


def test_a_redirected_token_request_keeps_its_body(
    kinde: LocalKinde, http: httpx.Client, back_office: Application
) -> None:
    with kinde.fail("redirect", endpoint="token"):
        answer = http.post("/oauth2/token", data=token_form(back_office), follow_redirects=True)

    assert answer.status_code == 200


def test_no_keys_is_an_empty_key_set(kinde: LocalKinde, http: httpx.Client) -> None:
    with kinde.fail("no_keys"):
        answer = http.get(JWKS)

    assert (answer.status_code, answer.json()) == (200, {"keys": []})


def test_unusable_keys_holds_no_key_that_a_verifier_may_use(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    (true,) = http.get(JWKS).json()["keys"]
    with kinde.fail("unusable_keys"):
        keys = http.get(JWKS).json()["keys"]

    assert len(keys) == 6
    assert true not in keys
    assert all(
        key.get("use") == "enc"
        or key["kty"] in {"XYZ", "oct"}
        or key.get("crv") == "P-192"
        or "kid" not in key
        or len(key["n"]) == 171
        for key in keys
    )


def test_disconnect_closes_the_connection_unanswered(
    kinde: LocalKinde,
    http: httpx.Client,
    back_office: Application,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with kinde.fail("disconnect"), pytest.raises(httpx.RemoteProtocolError, match="without"):
        http.get(JWKS)
    with kinde.fail("disconnect", endpoint="token"), pytest.raises(httpx.TransportError):
        ask(http, back_office)

    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
    assert http.get(JWKS).status_code == 200


def test_a_fault_holds_for_its_endpoint_only(
    kinde: LocalKinde, http: httpx.Client, back_office: Application
) -> None:
    with kinde.fail("status"):
        assert http.get("/.well-known/jwks.json").status_code == 500
        assert http.get(f"{kinde.issuer}//.well-known/jwks").status_code == 500
        assert http.get("/.well-known/openid-configuration").status_code == 200
        assert ask(http, back_office).status_code == 200
    with kinde.fail("status", endpoint="token", status=429):
        assert http.get(JWKS).status_code == 200
        assert ask(http, back_office).status_code == 429


@pytest.mark.parametrize(
    "what", ["slow", "trickle", "oversized", "truncated", "garbage", "invalid_utf8"]
)
def test_the_token_endpoint_can_fail_in_those_ways_too(
    kinde: LocalKinde, http: httpx.Client, back_office: Application, what: Any
) -> None:
    with kinde.fail(what, endpoint="token", seconds=0.05, size=5_000):
        try:
            answer = ask(http, back_office)
        except httpx.RemoteProtocolError:
            assert what == "truncated"
        else:
            assert answer.status_code == 200
            assert ("access_token" in answer.text) == (what != "garbage")
            assert (len(answer.content) == 5_000) == (what == "oversized")


def test_a_fault_lasts_until_recover(kinde: LocalKinde, http: httpx.Client) -> None:
    kinde.fail("status")
    assert [http.get(JWKS).status_code for _ in range(2)] == [500, 500]

    kinde.recover()
    assert http.get(JWKS).status_code == 200


def test_of_two_faults_the_later_counts_and_then_the_earlier_again(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    with kinde.fail("status", status=500):
        with kinde.fail("status", status=503):
            assert http.get(JWKS).status_code == 503
        assert http.get(JWKS).status_code == 500
    assert http.get(JWKS).status_code == 200


def test_a_fault_ends_with_its_block_even_if_the_block_fails(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    with pytest.raises(KeyError), kinde.fail("status"):
        raise KeyError
    assert http.get(JWKS).status_code == 200


def test_requests_that_meet_a_fault_are_counted(
    kinde: LocalKinde, http: httpx.Client, back_office: Application
) -> None:
    keys, tokens = kinde.jwks_requests, kinde.token_requests
    with kinde.fail("status"), kinde.fail("garbage", endpoint="token"):
        http.get(JWKS)
        ask(http, back_office)

    assert (kinde.jwks_requests, kinde.token_requests) == (keys + 1, tokens + 1)


@pytest.mark.anyio
@pytest.mark.parametrize("what", ["slow", "trickle"])
async def test_recovering_ends_an_answer_that_is_under_way(kinde: LocalKinde, what: Any) -> None:
    kinde.fail(what, seconds=60)
    asked = kinde.jwks_requests

    async def recover_once_asked() -> None:
        while kinde.jwks_requests == asked:
            await anyio.sleep(0.01)
        kinde.recover()

    with anyio.fail_after(10):
        async with httpx.AsyncClient(timeout=None) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(recover_once_asked)
            answer = await client.get(kinde.issuer + JWKS)

    assert answer.status_code == 200
    assert len(answer.json()["keys"]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"what": "fire"}, "fault must be one of status, slow, .*; got 'fire'"),
        ({"what": "slow", "endpoint": "userinfo"}, "endpoint must be one of jwks, token"),
        ({"what": "no_keys", "endpoint": "token"}, "'no_keys' is one of the endpoint 'jwks' only"),
        ({"what": "status", "status": 100}, "status must be from 200 to 599; got 100"),
        ({"what": "slow", "seconds": float("nan")}, "finite and not negative"),
        ({"what": "slow", "seconds": -1}, "finite and not negative"),
        ({"what": "oversized", "size": -1}, "finite and not negative"),
    ],
)
def test_a_fault_that_makes_no_sense_is_a_value_error_and_changes_nothing(
    kinde: LocalKinde, http: httpx.Client, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kinde.fail(**arguments)
    assert http.get(JWKS).status_code == 200


@pytest.mark.anyio
@pytest.mark.parametrize("what", ["disconnect", "truncated"])
async def test_without_a_server_a_closed_connection_is_an_exception(what: Any) -> None:
    with Tenant.open("http://127.0.0.1:8787") as tenant:
        transport = httpx.ASGITransport(create_app(tenant))
        async with httpx.AsyncClient(transport=transport, base_url=tenant.issuer) as client:
            assert (await client.get(JWKS)).status_code == 200
            with tenant.faults.fail(what), pytest.raises(ConnectionResetError):
                await client.get(JWKS)
