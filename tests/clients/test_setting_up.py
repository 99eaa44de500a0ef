"""How the clients come to their settings, and whom they trust."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kinde_guard.local import AUDIENCE, LocalKinde
from tests.cli.processes import serving
from tests.clients.real_clients import (
    TRUST,
    WRONG_SECRET,
    Runtime,
    credentials,
    manager,
)


@dataclass(frozen=True)
class Served:
    """What ``kinde-guard local --json`` says of itself."""

    issuer: str
    ca: Path
    management: dict[str, str]


@pytest.fixture
def served(node: Runtime) -> Iterator[Served]:
    """A local Kinde in a process of its own, as a person starts it."""
    with serving("local", "--tls", "--port", "0", "--json") as command:
        said = json.loads(command.wait_for("{"))
        yield Served(said["issuer"], Path(said["ca"]), said["management"])


def test_management_api_js_is_set_up_by_the_environment_and_verifies_its_token(
    node: Runtime, served: Served
) -> None:
    settings = {
        "KINDE_DOMAIN": served.issuer.removeprefix("https://"),
        "KINDE_MANAGEMENT_CLIENT_ID": served.management["client_id"],
        "KINDE_MANAGEMENT_CLIENT_SECRET": served.management["client_secret"],
    }
    told = replace(node, environ=settings).run("management_api_js_environment.mjs", served)
    assert told == {
        "audiences": [served.management["audience"], AUDIENCE],
        "is_valid": True,
        "is_valid_for_another_audience": False,
    }


@pytest.mark.parametrize(
    ("runtime", "script", "complaint"),
    [
        ("node", "management_api_js.mjs", "fetch failed"),
        ("python", "management_python_sdk.py", "CERTIFICATE_VERIFY_FAILED"),
    ],
)
def test_a_client_that_trusts_another_authority_does_not_connect(
    request: pytest.FixtureRequest, kinde: LocalKinde, runtime: str, script: str, complaint: str
) -> None:
    found: Runtime = request.getfixturevalue(runtime)
    with LocalKinde(tls=True) as stranger:
        distrusting = replace(found, environ=dict.fromkeys(TRUST, str(stranger.ca)))
        with pytest.raises(pytest.fail.Exception, match=complaint):
            distrusting.run(
                script,
                kinde,
                management=credentials(manager(kinde)),
                caller=credentials(kinde.applications[1]),
                wrong_secret=WRONG_SECRET,
                audience="https://api.orders.example",
            )
