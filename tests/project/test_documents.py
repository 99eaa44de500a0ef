"""Documents tell the truth: their Python runs, their tables come from code, their links lead on.

The commands of the guides are run by ``tests/examples/test_guides.py``.
"""

from __future__ import annotations

import re
import sys
from types import ModuleType

import pytest

from tests.project.management_table import management_table
from tests.project.readme import ROOT, blocks, documents
from tests.project.settings_table import settings_table

TENANT = {"KINDE_DOMAIN": "acme.kinde.com", "KINDE_AUDIENCE": "https://api.acme.com"}

OWN_TEST = {
    "examples/mcp_server/README.md": "tests/mcp/test_example_readme.py",
    "examples/production/README.md": "tests/watching/test_production_example.py",
}
"""Documents whose commands are run by a test of their own, which also knows their other blocks."""

PYTHON = [
    pytest.param(block.code, id=f"{document}-{number}")
    for document in documents()
    if document not in OWN_TEST
    for number, block in enumerate(blocks(document))
    if block.language == "python"
]


@pytest.mark.parametrize("code", PYTHON)
def test_python_block_runs_on_its_own(
    code: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in TENANT.items():
        monkeypatch.setenv(name, value)
    # FastAPI looks annotations up in the module of the function that has them.
    module = ModuleType("document")
    monkeypatch.setitem(sys.modules, "document", module)
    exec(compile(code, "document", "exec"), vars(module))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("document", [name for name in documents() if name not in OWN_TEST])
def test_every_block_is_of_a_language_that_a_test_runs(document: str) -> None:
    languages = {"python", "sh", "json"} if document == "README.md" else {"python", "sh", "text"}
    assert {block.language for block in blocks(document)} <= languages


@pytest.mark.parametrize("document", documents())
def test_local_link_leads_to_a_file(document: str) -> None:
    text = (ROOT / document).read_text()
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    local = [link for link in links if not link.startswith(("http://", "https://"))]
    assert [link for link in local if not ((ROOT / document).parent / link).exists()] == []


@pytest.mark.parametrize("document", [name for name in documents() if name.endswith("README.md")])
def test_first_lines_say_what_the_document_is_for(document: str) -> None:
    title, blank, first = (ROOT / document).read_text().splitlines()[:3]
    assert (title[:2], blank) == ("# ", "")
    assert re.match(r"\w", first)


def test_table_of_settings_is_the_one_that_the_command_prints() -> None:
    assert settings_table() in (ROOT / "kinde_guard" / "README.md").read_text()


def test_table_of_management_operations_is_the_one_that_the_command_prints() -> None:
    assert management_table() in (ROOT / "kinde_guard" / "local" / "README.md").read_text()
