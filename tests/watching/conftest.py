"""A guard and an application to watch, and what OpenTelemetry collects of them in memory."""

from __future__ import annotations

from tests.core.conftest import app, guard, make_app, make_guard

__all__ = ["app", "guard", "make_app", "make_guard"]
