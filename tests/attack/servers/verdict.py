"""What may not happen: read off the answers of the guarded server and of the unguarded one.

Three things are wrong whenever they are seen once: a request inside that had no good token, a 5xx
that the unguarded server does not give, token text in an answer. The rest compares two servers,
whose answers to broken requests may depend on timing, so it is wrong only if it is so each time
that the case is repeated.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.attack.servers.corpus import Case, Fate
from tests.attack.servers.house import INSIDE
from tests.attack.servers.tokens import JSON_START, MARK
from tests.attack.servers.wire import Outcome


def offences(case: Case, guarded: Outcome, unguarded: Outcome) -> list[str]:
    """Return what is wrong even if it is seen only once."""
    return [
        *_let_in(case, guarded),
        *_server_errors(guarded, unguarded),
        *_token_text(guarded, unguarded),
    ]


def differences(case: Case, guarded: Outcome, unguarded: Outcome) -> list[str]:
    """Return what is wrong if repeating does not make it go away."""
    return [
        *_fates(case, guarded, unguarded),
        *_lost_answers(guarded, unguarded),
        *_other_refusals(guarded, unguarded),
        *_lost_connection(guarded, unguarded),
    ]


def _let_in(case: Case, guarded: Outcome) -> Iterator[str]:
    text = INSIDE.encode()
    inside = sum((reply.head + reply.body).count(text) for reply in guarded.replies)
    if inside > case.allowed:
        yield f"{inside} requests got in, {case.allowed} had a good token"


def _server_errors(guarded: Outcome, unguarded: Outcome) -> Iterator[str]:
    for status in guarded.statuses:
        if status >= 500 and status not in unguarded.statuses:
            yield f"the guarded server answered {status}"


def _token_text(guarded: Outcome, unguarded: Outcome) -> Iterator[str]:
    # A server may itself quote the header that it refuses, to him who sent it.
    quoted = any(holds_token_text(reply.head + reply.body) for reply in unguarded.replies)
    for reply in guarded.replies:
        if holds_token_text(reply.head + reply.body) and not quoted:
            yield "an answer holds text of a token"


def holds_token_text(data: bytes) -> bool:
    return MARK.encode() in data or JSON_START.encode() in data


def _fates(case: Case, guarded: Outcome, unguarded: Outcome) -> Iterator[str]:
    # Only what the unguarded server lets through to the application is the guard's to decide.
    trio = zip(case.fates, guarded.replies, unguarded.replies, strict=False)
    for number, (fate, ours, theirs) in enumerate(trio):
        if fate is Fate.ADMITTED and theirs.inside and not ours.inside:
            yield f"request {number} has a good token and was answered {ours.status}"
        if fate is Fate.REFUSED and theirs.inside and not ours.refused_by_guard:
            yield f"request {number} should be refused and was answered {ours.status}"


def _lost_answers(guarded: Outcome, unguarded: Outcome) -> Iterator[str]:
    answered = sum(reply.by_application for reply in unguarded.replies)
    if answered > len(guarded.replies):
        yield f"{answered} answers without a guard, {len(guarded.replies)} with it"


def _other_refusals(guarded: Outcome, unguarded: Outcome) -> Iterator[str]:
    """Tell where the server itself refuses differently with a guard and without."""
    for ours, theirs in zip(guarded.replies, unguarded.replies, strict=False):
        by_server = not theirs.by_application
        if by_server and ours.status != theirs.status:
            yield f"the server refused with {theirs.status}, with a guard with {ours.status}"
        if not by_server and not ours.by_application and not ours.refused_by_guard:
            yield f"the server refused with {ours.status}, without a guard it did not"


def _lost_connection(guarded: Outcome, unguarded: Outcome) -> Iterator[str]:
    if unguarded.kept and guarded.kept is False:
        yield "the guarded server dropped a connection which the unguarded one kept"
