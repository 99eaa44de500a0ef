"""Contract section 2 read off the source: layers, and what `import kinde_guard` costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kinde_guard

PACKAGE = Path(kinde_guard.__file__).parent

#: Rooms from the ground up, each on a floor of its own. A new module has to be given a room.
ROOMS: dict[str, set[str]] = {
    "vocabulary": {"vocabulary"},
    "jose": {"jose"},
    "keys": {"keys"},
    "policy": {"verification", "revocation"},
    "face": {"asgi", "requirements", "middleware", "openapi", "guard", "public", "audit"},
    "tools": {"cli", "local", "testing", "__main__"},
}
#: Beside the floors: may import errors and nothing else of ours.
CLIENT = "client"
FLOOR = {name: floor for floor, names in enumerate(ROOMS.values()) for name in names}

#: The only rooms that may name httpx outside of type checking.
HTTP_CLIENTS = {"keys", "client", "cli", "local", "testing"}

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """Return the first part of a module's name below the package."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the full name of every module that is imported, type checking included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names)


def runtime_imports(tree: ast.AST) -> Iterator[str]:
    """Yield the imports that are not under ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from (name for other in node.orelse for name in imports(other))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from imports(node)
        else:
            yield from runtime_imports(node)


def ours(names: Iterator[str]) -> set[str]:
    parts = [name.split(".") for name in names]
    return {part[1] for part in parts if part[0] == "kinde_guard" and len(part) > 1}


def ids(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


EVERY_SOURCE = pytest.mark.parametrize("path", sources(), ids=ids)


@EVERY_SOURCE
def test_module_has_a_room(path: Path) -> None:
    assert room(path) in {"__init__", CLIENT, *FLOOR}


@EVERY_SOURCE
def test_module_imports_only_downwards(path: Path) -> None:
    home = room(path)
    used = ours(runtime_imports(ast.parse(path.read_text()))) - {home}
    if home == "__init__" or home in ROOMS["tools"]:
        allowed = used
    elif home == CLIENT:
        allowed = {"vocabulary"}
    else:
        allowed = {name for name, floor in FLOOR.items() if floor <= FLOOR[home]}
    assert used <= allowed


@pytest.mark.parametrize("name", ["jose", "keys"])
def test_jose_and_keys_import_none_of_the_policy(name: str) -> None:
    for path in sources():
        if room(path) == name:
            used = ours(imports(ast.parse(path.read_text())))
            assert not used & (ROOMS["policy"] | ROOMS["face"] | ROOMS["tools"])


@EVERY_SOURCE
def test_module_has_no_assert_statement(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)] == []


@EVERY_SOURCE
def test_module_promises_something_in_its_docstring(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())) or path.stat().st_size == 0


@EVERY_SOURCE
def test_module_is_named_after_what_it_holds(path: Path) -> None:
    assert not set(path.relative_to(PACKAGE).with_suffix("").parts) & FORBIDDEN_NAMES


@EVERY_SOURCE
def test_httpx_is_imported_where_it_is_used_and_nowhere_at_import_time(path: Path) -> None:
    tree = ast.parse(path.read_text())
    used = {name.split(".")[0] for name in runtime_imports(tree)}
    if room(path) not in HTTP_CLIENTS:
        assert "httpx" not in used
    if room(path) in FLOOR and room(path) not in ROOMS["tools"]:
        at_import = {name.split(".")[0] for node in tree.body for name in _immediate(node)}
        assert "httpx" not in at_import


def _immediate(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from imports(node)


@EVERY_SOURCE
def test_module_makes_no_base_http_middleware(path: Path) -> None:
    assert "starlette.middleware.base.BaseHTTPMiddleware" not in set(
        imports(ast.parse(path.read_text()))
    )


def _modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=PACKAGE.parent,
    )
    return set(told.stdout.split())


HEAVY = ["redis", "httpx", "httpx2", "typer", "rich", "uvicorn", "pytest", "sqlite3", "websockets"]


@pytest.mark.parametrize(
    "statement",
    [
        "import kinde_guard",
        "from kinde_guard import *",
        "from kinde_guard import KindeGuard, require_scopes;"
        " KindeGuard('acme.kinde.com', audience='x').install(__import__('fastapi').FastAPI())",
    ],
    ids=["package", "every-name", "install"],
)
def test_import_and_install_load_nothing_heavy(statement: str) -> None:
    loaded = _modules_after(statement)
    assert not loaded & set(HEAVY)
    assert not {name for name in loaded if name.startswith("kinde_guard.local")}
    assert not {name for name in loaded if name.startswith("kinde_guard.cli")}


def test_import_of_the_package_starts_no_loop_thread_or_logging_setup() -> None:
    code = (
        "import threading, logging, kinde_guard;"
        "print(threading.active_count(), len(logging.getLogger('kinde_guard').handlers),"
        " len(logging.getLogger().handlers))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.split() == ["1", "0", "0"]


PUBLIC = [
    "AccessDenied",
    "AccessToken",
    "ConfigurationError",
    "ExpiredToken",
    "GuardError",
    "ImmatureToken",
    "InsufficientScope",
    "InvalidClaim",
    "InvalidKeySet",
    "InvalidRequest",
    "InvalidSignature",
    "InvalidToken",
    "KeySet",
    "KeysUnavailable",
    "KindeGuard",
    "KindeGuardMiddleware",
    "MalformedToken",
    "MissingToken",
    "RemoteKeySet",
    "SignedToken",
    "UnknownKey",
    "UnsupportedAlgorithm",
    "WrongAudience",
    "WrongIssuer",
    "current_token",
    "optional_token",
    "require_any_scope",
    "require_scopes",
    "require_token",
    "verify_signature",
]


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_is_exported(name: str) -> None:
    assert name in dir(kinde_guard)
    assert getattr(kinde_guard, name) is not None


def test_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()


def test_package_has_no_module_level_state() -> None:
    for path in sources():
        if room(path) in ROOMS["tools"]:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            assert not isinstance(node, ast.Global), ids(path)
