"""What mutation testing rests on, without running it: its mutants, and its table of equivalents."""

from __future__ import annotations

import ast

import pytest

from tests.mutation import bodies, surroundings
from tests.mutation.__main__ import report
from tests.mutation.mutants import ROOT, TARGETS, Change, Mutant, change_between, explained

EVERY_TARGET = pytest.mark.parametrize("module", TARGETS)


@EVERY_TARGET
def test_targets_and_their_tests_exist(module: str) -> None:
    target = TARGETS[module]
    assert [path for path in (target.path, *target.tests) if not (ROOT / path).is_file()] == []


@EVERY_TARGET
def test_every_mutant_is_another_program_of_good_syntax(module: str) -> None:
    original = (ROOT / TARGETS[module].path).read_text()
    sources = list(surroundings.sources(module))
    programs = {ast.dump(ast.parse(source.text)) for source in sources}
    assert ast.dump(ast.parse(original)) not in programs
    assert [one.change for one in sources if not one.change.was or not one.change.becomes] == []


MODULE = '''"""No docstring is changed."""

TABLE = {1: b"ab"}

@dataclass(frozen=True)
class Rule:
    """Nor this one."""

    __slots__ = ("left", "alone")
    size: int = 7

    @property
    def name(self) -> "Text":
        """Nor this one."""
        return self.names["n"]

    def method(self, depth: int = 0) -> str:
        return "for mutmut"
'''

CHANGES = [
    ("module", "TABLE = {}"),
    ("module", 'TABLE = {0: b"ab"}'),
    ("module", 'TABLE = {2: b"ab"}'),
    ("module", "TABLE = {1: b'b'}"),
    ("module", "TABLE = {1: b'a'}"),
    ("Rule", "size: int = 6"),
    ("Rule", "size: int = 8"),
    ("Rule.name", "return self.names['']"),
    ("Rule.method", "def method(self, depth: int = -1) -> str:"),
    ("Rule.method", "def method(self, depth: int = 1) -> str:"),
    ("Rule", "@dataclass(frozen=False)"),
]


def test_tables_defaults_decorators_and_properties_are_changed_and_nothing_else() -> None:
    changes = [source.change for source in surroundings.changed("m", MODULE)]
    assert sorted((one.where, one.becomes) for one in changes) == sorted(CHANGES)


@EVERY_TARGET
def test_what_is_explained_stands_in_the_module(module: str) -> None:
    lines = [line.strip() for line in (ROOT / TARGETS[module].path).read_text().splitlines()]
    text = " ".join(lines)
    for change, why in explained([module]).items():
        assert change.was in text
        assert change.becomes not in text
        assert why.endswith(".")


def test_change_is_told_by_its_lines() -> None:
    change = change_between("jws", "module", "a\n  b\nc\n", "a\n  d\nc\n")
    assert (change.was, change.becomes) == ("b", "d")
    assert str(change) == "jws, module\n  - b\n  + d"


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("kinde_guard.jose.compact_jws.x_parse__mutmut_12", "parse"),
        ("kinde_guard.jose.compact_jws.x__decode__mutmut_1", "_decode"),
        ("kinde_guard.asgi.public_paths.xǁPublicPathsǁ__init____mutmut_3", "PublicPaths.__init__"),
    ],
)
def test_place_of_a_mutant_is_read_from_mutmuts_name_of_it(name: str, where: str) -> None:
    assert bodies._where(name) == where


def test_only_survivors_that_are_explained_pass() -> None:
    modules = list(TARGETS)
    alive = [Mutant(change, survived=True) for change in explained(modules)]
    other = Change("jws", "parse", "one line", "another line")
    assert report(modules, alive) == 0
    assert report(modules, [*alive, Mutant(other, survived=False)]) == 0
    assert report(modules, [*alive, Mutant(other, survived=True)]) == 1


def test_explanation_of_what_does_not_survive_fails() -> None:
    modules = list(TARGETS)
    alive = [Mutant(change, survived=True) for change in explained(modules)]
    assert report(modules, alive[1:]) == 1
