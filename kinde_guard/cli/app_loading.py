"""Imports an application by its address, ``MODULE:APP``, as uvicorn does; calls a factory.

Errors of the imported code become one line that names the exception and its place in that code.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from kinde_guard.audit.guard_mounts import mounted_guards
from kinde_guard.audit.operations import can_be_listed, list_operations
from kinde_guard.cli.errors import WrongUsage

EXPECTED = "write MODULE:APP, such as main:app or main:create_app()"


def load_app(address: str, *, guarded: bool = True) -> object:
    """Import an application, or call the factory that makes it.

    Args:
        address: ``module:app``, ``package.module:create_app()``; ``module`` alone means its
            ``app``. Modules are looked for in the working directory first.
        guarded: whether the application, or a part of it, must have a guard.

    Raises:
        WrongUsage: the application cannot be imported or made, or has no guard.
    """
    module_name, _, name = address.partition(":")
    app = _attribute(_module(module_name, address), name.removesuffix("()") or "app", address)
    if name.endswith("()") or not can_be_listed(app):
        app = _made(app, address)
    if not can_be_listed(app):
        raise WrongUsage(
            f"{address}: it is of type {type(app).__name__}, "
            "but it must be a FastAPI or Starlette application, or make one"
        )
    if guarded and not _has_guard(app, address):
        raise WrongUsage(f"{address}: it has no guard; call guard.install(app) where it is made")
    return app


def _has_guard(app: object, address: str) -> bool:
    try:
        return bool(mounted_guards(app)) or any(each.is_guarded for each in list_operations(app))
    except ValueError as error:
        # A requirement that does not fit its route.
        raise WrongUsage(f"{address}: {error}") from error


def _module(name: str, address: str) -> object:
    if not name or name.endswith(".py") or os.sep in name:
        raise WrongUsage(f"{address}: {EXPECTED}")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    with _made_quietly(f"{address}: importing {name} failed"):
        return importlib.import_module(name)


def _attribute(module: object, path: str, address: str) -> object:
    value = module
    for name in path.split("."):
        if not hasattr(value, name):
            raise WrongUsage(f"{address}: there is no {path!r} in it; {EXPECTED}")
        value = getattr(value, name)
    return value


def _made(factory: object, address: str) -> object:
    if not callable(factory):
        return factory
    with _made_quietly(f"{address}: calling it failed"):
        app: object = factory()
    if inspect.iscoroutine(app):
        app.close()
        raise WrongUsage(f"{address}: it is async; an application is made without awaiting")
    return app


@contextmanager
def _made_quietly(failure: str) -> Iterator[None]:
    """Send output of imported code to standard error and turn its errors into one line."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # Imported code may raise anything, also SystemExit.
        reason = f"{type(error).__name__}: {error}".removesuffix(": ")
        raise WrongUsage(f"{failure}: {reason}{_place_of(error)}") from error


def _place_of(error: BaseException) -> str:
    """Return file and line of the application's code in which an error was raised, "" for none."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_of_app(frame)]
    here = str(Path.cwd())
    own = [frame for frame in frames if frame.filename.startswith(here + os.sep)] or frames
    return f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""


def _is_of_app(frame: traceback.FrameSummary) -> bool:
    """Tell whether a frame is neither of this module nor of Python's import system."""
    return not frame.filename.startswith("<") and frame.filename not in {
        __file__,
        importlib.__file__,
    }
