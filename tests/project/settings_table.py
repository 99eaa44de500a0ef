"""The table of settings in ``kinde_guard/README.md``, made from the settings themselves.

``python -m tests.project.settings_table`` prints it.
"""

from __future__ import annotations

from dataclasses import MISSING

from kinde_guard.vocabulary.settings import documented


def settings_table() -> str:
    """Return the table as Markdown: name, default and documentation of each setting."""
    head = ["| setting | default | what |", "|---|---|---|"]
    rows = [f"| `{name}` | {_shown(default)} | {doc} |" for name, default, doc in documented()]
    return "\n".join(head + rows)


def _shown(default: object) -> str:
    if default is MISSING:
        return "required"
    if callable(default):
        return "the system's clock"
    if isinstance(default, tuple):
        return f"`({', '.join(map(_quoted, default))}{',' if len(default) == 1 else ''})`"
    return f"`{_quoted(default)}`"


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


if __name__ == "__main__":
    print(settings_table())
