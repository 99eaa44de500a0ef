"""What is wrong with the guarding of an application, found without calling anything.

Five findings. The first is an open door or one that opens to every token, the others are slips of
the pen that would let in too few or too many:

=====================  ===========================================================================
``no_guard``           no guard stands before an operation
``no_scope``           an operation that is not public asks for no scope, merely for a token
``misspelt_scope``     two scopes differ by a letter: ``read:user`` beside ``read:users``
``public_unmatched``   a public path that no operation answers
``public_shadows``     a public path lets requests pass to an operation that asks for scopes
=====================  ===========================================================================
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from kinde_guard.asgi.public_paths import PublicPaths
from kinde_guard.audit.operations import ANY, WEBSOCKET, Kind, Operation, Post, walk

REMEDIES = {
    "no_guard": "call guard.install(app) where the application is made",
    "no_scope": "add Depends(require_scopes(...)), or name the path in public_paths",
    "misspelt_scope": "write it the same way everywhere",
    "public_unmatched": "correct it, or take it out of public_paths",
    "public_shadows": "take it out of public_paths: without a token the answer is 401 anyway",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that somebody should look at.

    Attributes:
        code: one of :data:`REMEDIES`.
        subject: what it is about, ``GET /users``, a scope or a public path; ``allow`` names it.
        says: what is the matter, in a sentence.
    """

    code: str
    subject: str
    says: str

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.code]


def assert_guarded(app: object, *, allow: Collection[str] = ()) -> None:
    """Fail, as a test does, unless every route of an application is public or asks for a scope.

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
    found = findings(walk(app), allow=allow)
    if found:
        lines = [f"{one.code}: {one.says}; {one.remedy}" for one in found]
        title = f"{len(found)} findings in the routes of the application"
        raise AssertionError("\n".join([title, *lines]))


def findings(operations: Sequence[Operation], *, allow: Collection[str] = ()) -> list[Finding]:
    """Return what is wrong, the gravest first.

    Args:
        operations: those of a whole application, in its router's order.
        allow: subjects, or paths of subjects, that are meant to be as they are.
    """
    found = [
        *_unguarded(operations),
        *_without_scope(operations),
        *_misspelt(operations),
        *_public_paths(operations),
    ]
    return [one for one in found if not {one.subject, one.subject.partition(" ")[2]} & {*allow}]


def _unguarded(operations: Iterable[Operation]) -> Iterator[Finding]:
    for one in operations:
        if not one.is_guarded and one.kind is not Kind.DOCS:
            yield Finding("no_guard", one.name, f"no guard stands before {one.name}")


def _without_scope(operations: Iterable[Operation]) -> Iterator[Finding]:
    for one in operations:
        # Those who protect the docs have said what they want; nobody can give them scopes.
        asks = one.needs.can_be_denied or one.kind is Kind.DOCS
        if one.is_guarded and not one.is_public and not asks:
            says = f"{one.name} is not public and asks for no scope: any token will do"
            yield Finding("no_scope", one.name, says)


def _misspelt(operations: Iterable[Operation]) -> Iterator[Finding]:
    used = Counter(name for one in operations for name in one.needs.scopes)
    for pair in combinations(used, 2):
        if are_alike(*pair):
            # On a tie either may be the slip; the one that came later is named.
            usual, odd = pair if used[pair[0]] >= used[pair[1]] else pair[::-1]
            says = f"{odd} (used {_times(used[odd])}) looks like {usual} ({_times(used[usual])})"
            yield Finding("misspelt_scope", odd, says)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


_GENERATED = re.compile(r"(get|post|put|patch|delete|options|head|trace):")
_SHORTEST = 5


def are_alike(one: str, other: str) -> bool:
    """Tell whether two names of scopes are so alike that one may be a slip.

    They are if they differ in case, punctuation or the order of their parts, or by one letter.
    Names of Kinde's import, which nobody types, and numbers (``v1``, ``v2``) are not slips.

    Example:
        >>> are_alike("read:user", "read:users"), are_alike("read:users", "create:users")
        (True, False)
    """
    if _GENERATED.match(one) and _GENERATED.match(other):
        return False
    if _parts(one) == _parts(other):
        return True
    if min(len(one), len(other)) < _SHORTEST or re.findall(r"\d", one) != re.findall(r"\d", other):
        return False
    return _one_slip(one.casefold(), other.casefold())


def _parts(name: str) -> list[str]:
    return sorted(part for part in re.split(r"[^0-9a-z]+", name.casefold()) if part)


def _one_slip(one: str, other: str) -> bool:
    """Tell whether one letter is missing, wrong, or has changed places with the next."""
    short, long = sorted((one, other), key=len)
    start = next((n for n, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), None)
    if start is None:
        return len(long) - len(short) == 1
    if len(short) < len(long):
        return short[start:] == long[start + 1 :]
    swapped = short[start + 1 : start + 2] + short[start : start + 1]
    same_rest = short[start + 1 :] == long[start + 1 :]
    return same_rest or (
        swapped == long[start : start + 2] and short[start + 2 :] == long[start + 2 :]
    )


def _public_paths(operations: Sequence[Operation]) -> Iterator[Finding]:
    posts = dict.fromkeys(post for one in operations for post in one.posts)
    for post in posts:
        behind = [one for one in operations if post in one.posts]
        for public in post.public:
            yield from _public_path(public, post, behind)


def _public_path(public: str, post: Post, behind: Sequence[Operation]) -> Iterator[Finding]:
    answering = list(_answering(public, post, behind))
    if not answering:
        yield Finding("public_unmatched", public, f"no route answers the public path {public}")
    for one in answering:
        if one.needs.can_be_denied and _covers(public, post, one):
            says = f"the public path {public} covers {one.name}, which asks for more than that"
            yield Finding("public_shadows", public, says)


def _answering(public: str, post: Post, behind: Sequence[Operation]) -> Iterator[Operation]:
    path = post.below + public.removesuffix("/*")
    if public.endswith("/*"):
        yield from (one for one in behind if one.template.overlaps(path))
        return
    taken: set[str] = set()
    for one in behind:
        if one.template.match(path) is not None and not {one.method, ANY} & taken:
            # Whoever comes later in the router gets only the methods that are left.
            taken.add(one.method)
            yield one


def _covers(public: str, post: Post, one: Operation) -> bool:
    exact = not public.endswith("/*")
    return exact or one.path.removeprefix(post.below) in PublicPaths([public])


def answering(operations: Iterable[Operation], method: str, path: str) -> Operation | None:
    """Return the operation that answers a request; ``None`` if none does.

    Args:
        operations: those of :func:`kinde_guard.audit.operations.routed`, in order.
        method: an HTTP method in capitals, or ``WS``.
        path: the path of the request, percent-decoded, from the root of the application.
    """
    wanted = {ANY, method, "GET" if method == "HEAD" else method}
    for one in operations:
        if one.method in wanted and one.template.match(path) is not None:
            if one.kind is Kind.NOTHING or (method == WEBSOCKET and one.kind is Kind.STATIC):
                return None
            return one
    return None
