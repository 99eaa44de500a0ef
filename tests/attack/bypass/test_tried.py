"""The list of what was tried is whole, and the README shows it."""

from __future__ import annotations

from tests.attack.bypass.tried import BEGIN, END, HERE, attacks, every_attack, summary

README = HERE.parent / "README.md"


def test_every_attack_says_what_is_tried_and_where_it_was_seen() -> None:
    silent = [one.test for one in attacks() if len(one.what) < 20 or len(one.seen) < 10]
    assert silent == []
    names = [one.test for one in attacks()]
    assert len({*names}) == len(names) > 80
    assert len(every_attack().splitlines()) == len(names) + 2


def test_readme_shows_the_summary() -> None:
    """Written by ``python -m tests.attack.bypass.tried``."""
    text = README.read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0].strip() == summary()
