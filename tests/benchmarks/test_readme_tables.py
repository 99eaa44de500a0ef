"""The README's cost tables are those of the figures that are kept beside them."""

from __future__ import annotations

from tests.benchmarks import archive
from tests.benchmarks.comparison.report import markdown


def test_readme_shows_the_figures_that_were_kept() -> None:
    readme = (archive.ROOT / "tests" / "benchmarks" / "README.md").read_text()
    assert markdown(archive.read("comparison")) in readme
