"""Mutants of what stands around the bodies of functions: tables, expressions, defaults, decorators.

Each lacks one character of a text, one member of a collection, is one off in a number or says the
opposite. Properties and other decorated functions are among them, because mutmut passes them over.
"""

from __future__ import annotations

import ast
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rich.progress import track

from tests.mutation.mutants import (
    ENVIRONMENT,
    PYTEST,
    ROOT,
    TARGETS,
    Change,
    Mutant,
    change_between,
    copy_into,
)

#: Seconds for the tests of one module; a mutant that makes them hang is noticed.
PATIENCE = 120

T = TypeVar("T")
Collection = ast.Tuple | ast.List | ast.Set | ast.Dict


@dataclass(frozen=True)
class Source:
    """A module with one change in it."""

    change: Change
    text: str


def tried(modules: Sequence[str], folder: Path, jobs: int) -> Iterator[Mutant]:
    """Try every mutant of these modules' surroundings, each in a process of its own."""
    _import_what_is_slow()
    copies = [copy_into(folder / f"surroundings-{number}") for number in range(jobs)]
    for module in modules:
        if not _passes(module, copies[0]):
            raise SystemExit(f"the tests of {module} fail without any change")
    every = [source for module in modules for source in sources(module)]
    running: dict[int, tuple[Source, Path]] = {}
    for source in track(every, "around functions"):
        if not copies:
            yield _finished(running, copies)
        copy = copies.pop()
        running[_start(source, copy)] = (source, copy)
    while running:
        yield _finished(running, copies)


def _passes(module: str, copy: Path) -> bool:
    text = (ROOT / TARGETS[module].path).read_text()
    unchanged = Source(Change(module, "", "", ""), text)
    return _finished({_start(unchanged, copy): (unchanged, copy)}, []).survived


def _import_what_is_slow() -> None:
    # Once for all mutants: they are forked. Nothing of the package itself may be among it.
    sys.dont_write_bytecode = True
    for name in ("pytest", "fastapi", "hypothesis", "httpx", "httpx2", "anyio", "jwt"):
        __import__(name)
    if "kinde_guard" in sys.modules:
        raise SystemExit("kinde_guard must not be imported before it is changed")


def _start(source: Source, copy: Path) -> int:
    target = TARGETS[source.change.module]
    (copy / target.path).write_text(source.text)
    process = os.fork()
    if process:
        return process
    try:
        os._exit(_test(copy, target.tests))
    finally:
        os._exit(3)


def _test(copy: Path, tests: Sequence[str]) -> int:
    signal.alarm(PATIENCE)
    os.environ.update(ENVIRONMENT)
    os.chdir(copy)
    sys.path[:] = [str(copy), *(path for path in sys.path if Path(path) not in {ROOT, Path()})]
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    import pytest  # noqa: PLC0415 - see _import_what_is_slow

    return pytest.main([*PYTEST, "--exitfirst", "--quiet", "--no-header", *tests])


def _finished(running: dict[int, tuple[Source, Path]], copies: list[Path]) -> Mutant:
    process, status = os.wait()
    source, copy = running.pop(process)
    path = TARGETS[source.change.module].path
    (copy / path).write_bytes((ROOT / path).read_bytes())
    copies.append(copy)
    return Mutant(source.change, survived=status == 0)


# --- which changes -------------------------------------------------------------------------------


def sources(module: str) -> Iterator[Source]:
    """Yield a target with each of the changes."""
    return changed(module, (ROOT / TARGETS[module].path).read_text())


def changed(module: str, text: str) -> Iterator[Source]:
    """Yield a module of this text with each of the changes."""
    for where, node in _surroundings(ast.parse(text), "module"):
        for new in _variants(node):
            other = _replaced(text, node, new)
            yield Source(change_between(module, where, text, other), other)


def _surroundings(node: ast.AST, where: str) -> Iterator[tuple[str, ast.expr]]:
    """Yield the constants and collections that are no part of what mutmut changes."""
    if isinstance(node, ast.Constant | Collection):
        yield where, node
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        where = node.name if where == "module" else f"{where}.{node.name}"
    for child in _children(node):
        yield from _surroundings(child, where)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    body = getattr(node, "body", [])
    passed: list[ast.AST] = [one for one in body if _is_docstring(one)] if _is_block(body) else []
    match node:
        case ast.FunctionDef(decorator_list=[]) | ast.AsyncFunctionDef(decorator_list=[]):
            yield from (*node.args.defaults, *(one for one in node.args.kw_defaults if one))
            return
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            passed += [node.args, *([node.returns] if node.returns else [])]
            yield from (*node.args.defaults, *(one for one in node.args.kw_defaults if one))
        case ast.AnnAssign():
            passed.append(node.annotation)
        case ast.Assign(targets=[ast.Name(id="__slots__")]):
            return
        case ast.Call(func=ast.Name(id="TypeVar")) | ast.JoinedStr():
            return
    yield from (child for child in ast.iter_child_nodes(node) if child not in passed)


def _is_block(body: object) -> bool:
    return isinstance(body, list)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _variants(node: ast.expr) -> Iterator[object]:
    match node:
        case ast.Constant(value=bool(value)):
            yield not value
        case ast.Constant(value=int(value)):
            yield from (value - 1, value + 1)
        case ast.Constant(value=str(text)):
            yield from (text[:index] + text[index + 1 :] for index in range(len(text)))
        case ast.Constant(value=bytes(text)):
            yield from (text[:index] + text[index + 1 :] for index in range(len(text)))
        case _:
            yield from _lacking_a_member(node)


def _lacking_a_member(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Dict(keys=keys, values=values):
            for index in range(len(keys)):
                yield ast.Dict(_without(keys, index), _without(values, index))
        case ast.Tuple(elts=members) | ast.List(elts=members) | ast.Set(elts=members):
            for index in range(len(members)):
                yield type(node)(_without(members, index))


def _without(members: Sequence[T], index: int) -> list[T]:
    return [*members[:index], *members[index + 1 :]]


def _replaced(text: str, node: ast.expr, new: object) -> str:
    written = ast.unparse(new) if isinstance(new, ast.AST) else repr(new)
    lines = text.encode().splitlines(keepends=True)
    if node.end_lineno is None:
        raise ValueError(ast.dump(node))
    before = b"".join(lines[: node.lineno - 1]) + lines[node.lineno - 1][: node.col_offset]
    after = lines[node.end_lineno - 1][node.end_col_offset :] + b"".join(lines[node.end_lineno :])
    return (before + written.encode() + after).decode()
