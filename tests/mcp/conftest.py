"""Guards for MCP servers, and the requests that their clients send."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from kinde_guard import KindeGuard
from tests.mint import AUDIENCE, DOMAIN, FrozenClock, KeyServer

MakeGuard = Callable[..., KindeGuard]

RESOURCE = "https://api.acme.example/mcp"
METADATA = "https://api.acme.example/.well-known/oauth-protected-resource/mcp"


@pytest.fixture
def make_guard(key_server: KeyServer, clock: FrozenClock, monotonic: FrozenClock) -> MakeGuard:
    """Make a guard of the tenant on frozen clocks; keyword arguments are settings."""

    def make(**settings: Any) -> KindeGuard:
        defaults: dict[str, Any] = {
            "audience": AUDIENCE,
            "resource": RESOURCE,
            "clock": clock,
            "monotonic": monotonic,
            "http_client": key_server.client(),
        }
        return KindeGuard(DOMAIN, **{**defaults, **settings})

    return make


@pytest.fixture
def guard(make_guard: MakeGuard) -> KindeGuard:
    return make_guard()


def message(method: str, id_: Any = 1, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id_, "method": method, "params": params}


def tool_call(name: Any, id_: Any = 1) -> dict[str, Any]:
    return message("tools/call", id_, name=name, arguments={})


def body_of(value: Mapping[str, Any] | list[Any]) -> bytes:
    return json.dumps(value).encode()
