"""The table of Management API operations in ``kinde_guard/local/README.md``, made from the code.

``python -m tests.project.management_table`` prints it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from kinde_guard.local.management import implemented, not_implemented
from kinde_guard.local.management.scope_policy import Endpoint


def management_table() -> str:
    """Return the table as Markdown: by subject, how many operations answer and how many do not."""
    answered, refused = _by_subject(implemented()), _by_subject(not_implemented())
    head = ["| below `/api/v1` | answers | answers 501 |", "|---|---:|---:|"]
    rows = [
        f"| `{subject}` | {answered[subject]} | {refused[subject]} |"
        for subject in sorted(answered.keys() | refused.keys())
    ]
    total = f"| all | {answered.total()} | {refused.total()} |"
    return "\n".join([*head, *rows, total])


def _by_subject(endpoints: Iterable[Endpoint]) -> Counter[str]:
    return Counter(endpoint.path.split("/")[3] for endpoint in endpoints)


if __name__ == "__main__":
    print(management_table())
