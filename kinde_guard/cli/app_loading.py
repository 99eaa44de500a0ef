"""An application by its address, ``MODULE:APP``, as uvicorn takes it; a factory is called.

Whatever a module does when it is imported, its user reads one line: what failed, and where.
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

from kinde_guard.audit.operations import is_walkable, posts_of, walk
from kinde_guard.cli.errors import WrongUsage

EXPECTED = "write MODULE:APP, such as main:app or main:create_app()"


def load_app(address: str, *, guarded: bool = True) -> object:
    """Import an application, or call the factory that makes it.

    Args:
        address: ``module:app``, ``package.module:create_app()``; ``module`` alone means its
            ``app``. Modules are looked for in the working directory first.
        guarded: whether some guard must stand before it, or before a part of it.

    Raises:
        WrongUsage: there is no such application, or it cannot be made, or has no guard.
    """
    module_name, _, name = address.partition(":")
    found = _attribute(_module(module_name, address), name.removesuffix("()") or "app", address)
    if name.endswith("()") or not is_walkable(found):
        found = _made(found, address)
    if not is_walkable(found):
        raise WrongUsage(
            f"{address}: it is of type {type(found).__name__}, "
            "but it must be a FastAPI or Starlette application, or make one"
        )
    if guarded and not (posts_of(found) or any(one.is_guarded for one in walk(found))):
        raise WrongUsage(f"{address}: it has no guard; call guard.install(app) where it is made")
    return found


def _module(name: str, address: str) -> object:
    if not name or name.endswith(".py") or os.sep in name:
        raise WrongUsage(f"{address}: {EXPECTED}")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    with _made_quietly(f"{address}: importing {name} failed"):
        return importlib.import_module(name)


def _attribute(module: object, path: str, address: str) -> object:
    found = module
    for name in path.split("."):
        if not hasattr(found, name):
            raise WrongUsage(f"{address}: there is no {path!r} in it; {EXPECTED}")
        found = getattr(found, name)
    return found


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
    """Keep somebody else's code from printing into a report, and its errors to one line."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # The code of somebody else may do anything, sys.exit() too.
        frames = [one for one in traceback.extract_tb(error.__traceback__) if _is_file(one)]
        where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if len(frames) > 1 else ""
        reason = f"{type(error).__name__}: {error}".removesuffix(": ")
        raise WrongUsage(f"{failure}: {reason}{where}") from error


def _is_file(frame: traceback.FrameSummary) -> bool:
    """Tell whether a frame is of a file, and not of Python's import system."""
    return not frame.filename.startswith("<") and frame.filename != importlib.__file__
