"""Every guide leads where it says: followed command by command, in an empty folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.examples.guide import follow
from tests.project.readme import ROOT
from tests.project.test_readme import REJECTIONS

OUTPUTS = {
    "quickstart": 2,
    "machines": 2,
    "people": 2,
    "api_keys": 1,
    "webhooks_and_revocation": 1,
    "testing": 1,
    "migrating": 1,
}
"""The guides, and how many outputs each one shows."""


@pytest.mark.parametrize("topic", OUTPUTS)
def test_guide_shows_what_its_commands_print(topic: str, tmp_path: Path) -> None:
    compared = follow(topic, tmp_path)
    assert len(compared) == OUTPUTS[topic]
    for shown, printed in compared:
        assert printed == shown


def test_troubleshooting_has_one_entry_for_each_reason() -> None:
    guide = (ROOT / "examples" / "troubleshooting" / "README.md").read_text()
    entries = re.findall(r"^## `(\w+)`\n\n(\d+)\. ", guide, re.MULTILINE)
    assert sorted(entries) == sorted((kind.reason, str(kind.status)) for kind in REJECTIONS)
