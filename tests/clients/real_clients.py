"""Runs the scripts in which Kinde's own clients do their work, in processes of their own.

``.ci/clients`` installs the clients. Where they are not installed the tests are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import jwt
import pytest

from kinde_guard.local import Application, LocalKinde

HERE: Final = Path(__file__).parent
SCRIPTS: Final = HERE / "scripts"
HINT: Final = "run .ci/clients"
TIMEOUT: Final = 60

WRONG_SECRET: Final = "x" * 52
"""One that has the form of a secret: without it, some clients do not even ask."""

KEPT: Final = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "SYSTEMROOT")
"""All that a client inherits: no proxy, no other trust, no tenant that this machine may name."""
TRUST: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
"""Where urllib3 and httpx, requests, and Node look for the authority to trust."""


class Reachable(Protocol):
    """Where a local Kinde is, and whom its clients must trust. ``LocalKinde`` says both."""

    @property
    def issuer(self) -> str: ...
    @property
    def ca(self) -> Path | None: ...


@dataclass(frozen=True)
class Runtime:
    """What runs a client's scripts."""

    command: tuple[str, ...]
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, script: str, kinde: Reachable, /, **given: Any) -> Any:
        """Return what the script tells, having been given the issuer and ``given``.

        That it wrote nothing on standard error is part of its work: there clients complain.
        """
        document = json.dumps({"issuer": kinde.issuer, **given})
        ended = subprocess.run(
            [*self.command, str(SCRIPTS / script)],
            input=document,
            env=environment(kinde) | self.environ,
            cwd=HERE,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        if ended.returncode != 0 or ended.stderr:
            pytest.fail(f"{script} ended with {ended.returncode}: {ended.stdout}{ended.stderr}")
        # A client may have talked before.
        return json.loads(ended.stdout.splitlines()[-1])


def environment(kinde: Reachable) -> dict[str, str]:
    """A small environment in which this tenant's authority, if it has one, is all that is added."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept if kinde.ca is None else kept | dict.fromkeys(TRUST, str(kinde.ca))


def node() -> Runtime:
    """Node with Kinde's JavaScript clients, or the test is skipped."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("Node is not installed")
    if not (HERE / "node_modules" / ".installed").exists():
        pytest.skip(f"Kinde's JavaScript clients are not installed: {HINT}")
    return Runtime((program,))


def python() -> Runtime:
    """The Python that has Kinde's SDK, or the test is skipped."""
    if not (HERE / ".venv" / ".installed").exists():
        pytest.skip(f"Kinde's Python SDK is not installed: {HINT}")
    return Runtime((str(HERE / ".venv" / "bin" / "python"),))


def credentials(application: Application) -> dict[str, str]:
    return {"client_id": application.client_id, "client_secret": application.client_secret}


def manager(kinde: LocalKinde) -> Application:
    """The application that may do anything in the Management API."""
    assert kinde.management is not None
    return kinde.management


def claims(token: str) -> dict[str, Any]:
    """What a token says. Its signature is for the clients to check."""
    decoded: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return decoded
