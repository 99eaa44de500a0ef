"""Keys of other APIs are refused, and a key's API is asked for once."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from kinde_guard import ConfigurationError
from kinde_guard.vocabulary.errors import ApiKeysUnavailable, InvalidApiKey
from tests.api_keys.kinde_api import API_ID, AUDIENCE, KEY, KEY_ID, KindeApi, good
from tests.mint import FrozenClock

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_key_of_this_api_is_good(kinde: KindeApi, monotonic: FrozenClock) -> None:
    bound = kinde.bind_to_api()
    for _ in range(3):
        await bound.verify(KEY)
        monotonic.advance(300)
    assert kinde.asked == {"verify": 3, "apis": 1, "details": 1, "token": 1}
    assert {request.headers["Authorization"] for request in kinde.requests} == {"Bearer token-1"}
    assert kinde.requests[2].url.path == f"/api/v1/api_keys/{KEY_ID}"


async def test_key_of_another_api_is_refused_whatever_its_scopes(kinde: KindeApi) -> None:
    kinde.api_ids[KEY_ID] = ["another"]
    bound = kinde.bind_to_api()
    for _ in range(2):
        with pytest.raises(InvalidApiKey):
            await bound.verify(KEY)
    assert kinde.verifications == 1


async def test_key_of_any_audience_of_the_guard_is_good(kinde: KindeApi) -> None:
    kinde.apis = [
        {"id": "other", "audience": "https://other"},
        {"id": "two", "audience": "https://two"},
        {"id": API_ID, "audience": AUDIENCE},
    ]
    kinde.api_ids[KEY_ID] = ["two"]
    await kinde.bind_to_api(audience=(AUDIENCE, "https://two")).verify(KEY)


async def test_key_without_an_id_cannot_be_bound(kinde: KindeApi) -> None:
    kinde.keys[KEY.decode()] = good(key_id=None)
    with pytest.raises(InvalidApiKey):
        await kinde.bind_to_api().verify(KEY)


async def test_deleted_key_is_refused(kinde: KindeApi) -> None:
    kinde.details = httpx.Response(404, json={"errors": {"code": "ROUTE_NOT_FOUND"}})
    with pytest.raises(InvalidApiKey):
        await kinde.bind_to_api().verify(KEY)


@pytest.mark.parametrize(
    "details",
    [
        httpx.Response(200, json={"api_key": {"id": "api_key_other", "api_ids": [API_ID]}}),
        httpx.Response(200, json={"api_key": {"id": KEY_ID, "api_ids": API_ID}}),
        httpx.Response(200, json={"api_key": {"id": KEY_ID, "api_ids": [1]}}),
        httpx.Response(200, json={"api_key": [API_ID]}),
        httpx.Response(200, json={}),
        httpx.Response(200, text="<html>"),
        httpx.Response(403, json={}),
        httpx.Response(500),
    ],
    ids=lambda response: f"{response.status_code} {response.text[:60]}",
)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_answer_that_is_not_about_the_key_decides_nothing(
    kinde: KindeApi, details: httpx.Response
) -> None:
    kinde.details = details
    with pytest.raises(ApiKeysUnavailable):
        await kinde.bind_to_api().verify(KEY)


@pytest.mark.parametrize("apis", [[], None, "apis", [1], [{"id": 1, "audience": AUDIENCE}]])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_api_that_the_tenant_does_not_have_decides_nothing(
    kinde: KindeApi, apis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    kinde.apis = apis
    with pytest.raises(ApiKeysUnavailable):
        await kinde.bind_to_api().verify(KEY)


async def test_missing_api_is_named_in_the_log(
    kinde: KindeApi, caplog: pytest.LogCaptureFixture
) -> None:
    kinde.apis = []
    with pytest.raises(ApiKeysUnavailable):
        await kinde.bind_to_api().verify(KEY)
    assert f"no API with the audience {AUDIENCE}" in caplog.text


@pytest.mark.parametrize("audience", [None, ()])
def test_credentials_without_an_audience_are_a_configuration_error(
    kinde: KindeApi, audience: Any
) -> None:
    with pytest.raises(ConfigurationError, match=r"^api_keys: .*audience is None"):
        kinde.bind_to_api(audience=audience)


def test_missing_credentials_are_logged_once(
    kinde: KindeApi, caplog: pytest.LogCaptureFixture
) -> None:
    kinde.bind_to_api()
    assert caplog.records == []
    kinde.bind(audience=None)
    (record,) = caplog.records
    assert (record.levelno, record.name) == (logging.WARNING, "kinde_guard.api_keys")
    assert "keys of other APIs" in record.getMessage()
