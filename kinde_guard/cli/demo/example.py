"""The API of the demonstration: ``examples/users_api.py``, wherever this installation has it.

A wheel carries the file beside this module (``force-include`` in pyproject.toml); a clone has it
where its readers look for it. It is one file in both, so what the demo shows is what they copy.
"""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Protocol, cast

from fastapi import FastAPI

from kinde_guard import KindeGuard

IN_MEMORY = ":memory:"
"""The demo's database, whatever the environment says."""

HERE = Path(__file__)
PLACES = (HERE.with_name("users_api.py"), HERE.parents[3] / "examples" / "users_api.py")


class UsersApi(Protocol):
    """What the demo uses of the example."""

    PUBLIC_PATHS: tuple[str, ...]

    def create_app(self, guard: KindeGuard, database: str) -> FastAPI:
        """Build the API around a guard and an SQLite database."""


def users_api() -> UsersApi:
    """Import the example.

    Raises:
        FileNotFoundError: the installation lacks it.
    """
    name = f"{__package__}.users_api"
    if name not in sys.modules:
        path = next((place for place in PLACES if place.is_file()), PLACES[0])
        spec = spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise FileNotFoundError(path)
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
    return cast("UsersApi", sys.modules[name])
