"""An independent scanner of MCP authorization against both example servers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kinde_guard.local import LocalKinde

pytest.importorskip("mcp", reason="the extra mcp is not installed")
pytest.importorskip("fastmcp", reason="the extra fastmcp is not installed")
pytest.importorskip("mcp_authlab", reason="mcp-authlab is not installed")

from tests.mcp.servers import EXAMPLES, serving

#: Checks of the authorization server, which is local Kinde and not the server that is scanned.
OF_THE_AUTHORIZATION_SERVER = ("ASM-", "ASF-")

#: What needs a sign-in through the scanner's own client.
SKIPPED = {f"ASF-0{number}" for number in range(1, 7)}


def scan(url: str, token: str, foreign_token: str, report: Path) -> list[dict[str, Any]]:
    options = [
        "--no-login",
        "--tool",
        "create_invoice",
        "--format",
        "json",
        "--output",
        str(report),
    ]
    tokens = ["--token", token, "--foreign-token", foreign_token]
    subprocess.run(
        [sys.executable, "-m", "mcp_authlab", "scan", url, *tokens, *options],
        check=True,
        capture_output=True,
        timeout=60,
    )
    results: list[dict[str, Any]] = json.loads(report.read_text())["results"]
    return results


@pytest.mark.parametrize("example", EXAMPLES)
def test_scanner_finds_no_failed_must_of_the_server(example: str, tmp_path: Path) -> None:
    with LocalKinde() as kinde, serving(example, kinde) as served:
        token = kinde.token(scopes=["invoices:read"])
        foreign = kinde.token(audience="https://other.example")
        results = scan(served.url, token, foreign, tmp_path / "report.json")
    status = {result["id"]: result["status"] for result in results}
    failed = {name for name, verdict in status.items() if verdict == "fail"}
    assert {name for name in failed if not name.startswith(OF_THE_AUTHORIZATION_SERVER)} == set()
    assert {name for name, verdict in status.items() if verdict == "skip"} == SKIPPED
    assert status["SCOPE-01"] == status["TOK-03"] == status["ORIG-01"] == "pass"
