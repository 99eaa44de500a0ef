"""What is wrong with the guarding of an application, found without calling anything.

The first three are unprotected routes, or routes that every token opens; the others are likely
typos and settings that let in too few or too many requests:

======================  =========================================================================
``no_guard``            no guard is in front of an operation
``no_scope``            an operation that is not public requires a token, whatever it holds
``cors_outside_guard``  a guard answers CORS preflights before the CORS middleware can
``webhook_needs_token`` a webhook's path is not public, so Kinde's deliveries are rejected
``misspelt_scope``      two scopes differ by a letter: ``read:user`` beside ``read:users``
``public_unmatched``    a public path that no operation answers
``public_shadows``      a public path lets requests pass to an operation that requires scopes
======================  =========================================================================
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from kinde_guard.asgi.public_paths import PublicPaths
from kinde_guard.audit.guard_mounts import GuardMount
from kinde_guard.audit.operations import ANY, Kind, Operation, list_operations
from kinde_guard.audit.scope_names import are_alike

REMEDIES = {
    "no_guard": "call guard.install(app) where the application is made",
    "no_scope": (
        "add Depends(require_scopes(...)); or, if any token is meant to do, allow it by its name; "
        "or name the path in public_paths"
    ),
    "cors_outside_guard": (
        "call guard.install(app), which puts the guard inside of CORSMiddleware, and add that to "
        "the application that the guard is in front of"
    ),
    "webhook_needs_token": "name the path in public_paths, after its method: 'POST /webhooks'",
    "misspelt_scope": "write it the same way everywhere",
    "public_unmatched": "correct it, or take it out of public_paths",
    "public_shadows": "take it out of public_paths: without a token the answer is 401 anyway",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at.

    Attributes:
        code: one of :data:`REMEDIES`.
        subject: what it is about, ``GET /users``, a scope or a public path; ``allow`` names it.
        message: what is the matter, in a sentence.
    """

    code: str
    subject: str
    message: str

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.code]


def assert_guarded(app: object, *, allow: Collection[str] = ()) -> None:
    """Fail, as a test does, unless every route of an application is public or requires a scope.

    Args:
        app: a FastAPI or Starlette application with a guard installed.
        allow: subjects of findings that are meant: ``"GET /me"``, ``"/me"`` for every method, the
            name of a scope, or a public path.

    Raises:
        AssertionError: there are findings; the message lists each, with what to do.

    Source: OWASP API Security Top 10 2023, API5 (broken function level authorization).

    Example:
        >>> from fastapi import Depends, FastAPI
        >>> from kinde_guard import KindeGuard, require_scopes
        >>> app = FastAPI()
        >>> KindeGuard("acme.kinde.com", audience="https://api.acme.com").install(app)
        >>> @app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
        ... async def list_users() -> list[str]:
        ...     return []
        >>> assert_guarded(app)
    """
    listed = find_problems(list_operations(app), allow=allow)
    if listed:
        lines = [f"{each.code}: {each.message}; {each.remedy}" for each in listed]
        title = f"{len(listed)} findings in the routes of the application"
        raise AssertionError("\n".join([title, *lines]))


def find_problems(operations: Sequence[Operation], *, allow: Collection[str] = ()) -> list[Finding]:
    """Return what is wrong, the gravest first.

    Args:
        operations: those of a whole application, in its router's order.
        allow: subjects, or paths of subjects, that are meant to be as they are.
    """
    listed = [
        *_unguarded(operations),
        *_without_scope(operations),
        *_cors_outside_guard(operations),
        *_webhooks_that_need_tokens(operations),
        *_misspelt(operations),
        *_public_paths(operations),
    ]
    allowed = {*allow}
    return [
        finding
        for finding in listed
        if allowed.isdisjoint({finding.subject, finding.subject.partition(" ")[2]})
    ]


def _unguarded(operations: Iterable[Operation]) -> Iterator[Finding]:
    for operation in operations:
        if not operation.is_guarded and operation.kind is not Kind.DOCS:
            message = f"no guard is in front of {operation.name}"
            yield Finding("no_guard", operation.name, message)


def _without_scope(operations: Iterable[Operation]) -> Iterator[Finding]:
    for operation in operations:
        # With protect_docs the docs require a token, and cannot be given a scope.
        requires = operation.can_deny or operation.kind in {Kind.DOCS, Kind.WEBHOOK}
        if operation.is_guarded and not operation.is_public and not requires:
            message = f"{operation.name} is not public and requires no scope: any token will do"
            yield Finding("no_scope", operation.name, message)


def _cors_outside_guard(operations: Iterable[Operation]) -> Iterator[Finding]:
    mounts = dict.fromkeys(mount for operation in operations for mount in operation.guards)
    for mount in mounts:
        answers = PublicPaths(mount.public).matches("OPTIONS", "/")
        if mount.is_outside_cors and not answers:
            where = mount.prefix or "/"
            message = f"the guard at {where} answers CORS preflights with 401"
            yield Finding("cors_outside_guard", where, message)


def _webhooks_that_need_tokens(operations: Iterable[Operation]) -> Iterator[Finding]:
    for operation in operations:
        if operation.kind is not Kind.WEBHOOK:
            continue
        if operation.requires_token or (operation.is_guarded and not operation.is_public):
            message = (
                f"{operation.name} takes webhooks and needs a token, which Kinde does not send"
            )
            yield Finding("webhook_needs_token", operation.name, message)


def _misspelt(operations: Iterable[Operation]) -> Iterator[Finding]:
    used = Counter(name for operation in operations for name in operation.scopes)
    for pair in combinations(used, 2):
        if are_alike(*pair):
            # On a tie either may be the typo; the later one is named.
            usual, odd = pair if used[pair[0]] >= used[pair[1]] else pair[::-1]
            message = f"{odd} (used {_times(used[odd])}) looks like {usual} ({_times(used[usual])})"
            yield Finding("misspelt_scope", odd, message)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _public_paths(operations: Sequence[Operation]) -> Iterator[Finding]:
    mounts = dict.fromkeys(mount for operation in operations for mount in operation.guards)
    for mount in mounts:
        guarded = [operation for operation in operations if mount in operation.guards]
        settings = mount.guard.settings
        for public in dict.fromkeys((*mount.public, *settings.unverified_paths)):
            yield from _public_path(public, mount, guarded)


def _public_path(public: str, mount: GuardMount, guarded: Sequence[Operation]) -> Iterator[Finding]:
    answers = list(_answers(public, mount, guarded))
    if not answers:
        yield Finding("public_unmatched", public, f"no route answers the public path {public}")
    for operation in answers:
        if operation.can_deny and _covers(public, mount, operation):
            message = f"the public path {public} covers {operation.name}, which requires more"
            yield Finding("public_shadows", public, message)


def _answers(public: str, mount: GuardMount, guarded: Sequence[Operation]) -> Iterator[Operation]:
    method, _, path = public.rpartition(" ")
    candidates = [each for each in guarded if _serves(each, method)]
    path = mount.prefix + path
    if path.endswith("/*"):
        prefix = path.removesuffix("/*")
        yield from (each for each in candidates if each.template.overlaps(prefix))
        return
    taken: set[str] = set()
    for operation in candidates:
        if operation.template.match(path) is not None and not {operation.method, ANY} & taken:
            # A later route of the router gets only the methods that are left.
            taken.add(operation.method)
            yield operation


def _serves(operation: Operation, method: str) -> bool:
    same = {"": operation.method, "HEAD": "GET"}.get(method, method)
    # A preflight is answered by middleware, not by a route.
    return operation.method in {same, ANY} or method == "OPTIONS"


def _covers(public: str, mount: GuardMount, operation: Operation) -> bool:
    _, _, path = public.rpartition(" ")
    if not path.endswith("/*"):
        return True
    return operation.path.removeprefix(mount.prefix) in PublicPaths([path])


def answering(operations: Iterable[Operation], method: str, path: str) -> Operation | None:
    """Return the operation that answers a request, for its method and path; ``None`` if none does.

    Args:
        operations: those of :func:`~.operations.iter_operations`, in order.
        method: an HTTP method in capitals, or ``WS``.
        path: the path of the request, percent-decoded, from the root of the application.
    """
    for operation in operations:
        if operation.serves(method) and operation.template.match(path) is not None:
            if operation.kind is Kind.UNMATCHED_MOUNT:
                return None
            # A public path may be for this method alone, or name one path of the template.
            return replace(operation, asked=(method, path))
    return None
