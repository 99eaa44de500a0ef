"""Texts for the requirements of an operation and for findings."""

from __future__ import annotations

from kinde_guard.audit.findings import Finding
from kinde_guard.audit.operations import Kind, Operation
from kinde_guard.cli.plain_text import printable

PUBLIC = "public"
TOKEN = "a token, any"  # noqa: S105 - no password
OPEN = "NO GUARD"


def needs_in_words(operation: Operation) -> str:
    """Return what an operation needs: its scopes, ``public``, or merely a token."""
    if not operation.is_guarded:
        return OPEN
    if operation.can_deny:
        asked = "; ".join(
            each.label for each in operation.requirements if each.can_deny or each.scopes
        )
        return f"{PUBLIC}, but asks for {asked}" if operation.is_public else asked
    if operation.is_public:
        return f"{PUBLIC}, but asks for a token" if operation.requires_token else PUBLIC
    return TOKEN


def note_of(operation: Operation) -> str:
    """Return what it does, or what answers it."""
    if operation.kind in {Kind.ROUTE, Kind.WEBSOCKET}:
        return operation.summary
    return operation.kind.value


def advice(finding: Finding) -> str:
    """Return the remedy of a finding, and how to accept what is intended."""
    # Other findings are hardly ever intended.
    if finding.code != "no_scope" or "--allow" in finding.remedy:
        return finding.remedy
    return f'{finding.remedy}; if it is intended: --allow "{printable(finding.subject)}"'
