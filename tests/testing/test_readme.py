"""The tests of a guarded route in the plugin's README pass as they stand there."""

from __future__ import annotations

import pytest

from tests.project.readme import blocks

pytest_plugins = ["pytester"]

DOCUMENT = "kinde_guard/testing/README.md"

TESTS = [block.code for block in blocks(DOCUMENT) if "\ndef test_" in block.code]


@pytest.mark.parametrize("code", TESTS, ids=lambda code: code.rpartition("def ")[2].split("(")[0])
def test_its_tests_pass(pytester: pytest.Pytester, code: str) -> None:
    pytester.makepyfile(code)
    # The last is what pytest says under python -O.
    warnings = ("-W", "error", "-W", "ignore:assertions not in test modules")
    ran = pytester.runpytest_subprocess("-p", "no:cacheprovider", *warnings)
    ran.assert_outcomes(passed=code.count("\ndef test_"))


def test_guarded_route_is_tested_in_three_lines() -> None:
    (code,) = [code for code in TESTS if "test_users_are_listed" in code]
    _, body = code.split("\ndef test_users_are_listed")
    assert len(body.splitlines()) == 4
