"""What can be imported without the SDKs, and what is told about the rest."""

from __future__ import annotations

import subprocess
import sys

import pytest

import kinde_guard.mcp

WITHOUT = "import sys; sys.modules.update(dict.fromkeys({names!r})); "


def run(code: str, *missing: str) -> subprocess.CompletedProcess[str]:
    command = WITHOUT.format(names=missing) + code
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", command],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_scopes_of_tools_need_no_sdk() -> None:
    code = (
        "from kinde_guard.mcp import guard_tools, VerificationErrorMiddleware;"
        "guard_tools({'a': []});"
        "print(sorted({'mcp', 'fastmcp', 'pydantic_settings'} & {n for n, m in sys.modules.items()"
        " if m is not None}))"
    )
    assert run(code, "mcp", "fastmcp").stdout == "[]\n"


@pytest.mark.parametrize(
    ("name", "missing", "extra"),
    [
        ("KindeTokenVerifier", ("mcp", "fastmcp"), "mcp or fastmcp"),
        ("KindeAuthProvider", ("fastmcp",), "fastmcp"),
    ],
)
def test_name_of_a_missing_sdk_tells_which_extra_it_needs(
    name: str, missing: tuple[str, ...], extra: str
) -> None:
    told = run(f"from kinde_guard.mcp import {name}", *missing)
    assert told.returncode == 1
    assert f"ImportError: {name} needs the extra {extra} of kinde-guard" in told.stderr


def test_verifier_works_with_the_official_sdk_alone() -> None:
    pytest.importorskip("mcp", reason="the extra mcp is not installed")
    code = (
        "import asyncio; from kinde_guard import KindeGuard;"
        "from kinde_guard.mcp import KindeTokenVerifier;"
        "guard = KindeGuard('acme.kinde.com', audience='x');"
        "verifier = KindeTokenVerifier(guard, required_scopes=['a']);"
        "print(asyncio.run(verifier.verify_token('bad')), verifier.required_scopes)"
    )
    assert run(code, "fastmcp").stdout == "None ['a']\n"


def test_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'guard_tool'"):
        _ = kinde_guard.mcp.guard_tool
