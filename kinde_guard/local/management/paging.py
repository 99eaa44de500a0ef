"""Kinde's two ways of paging; a few lists are not paged at all.

By token: the answer's ``next_token`` asks for the page after it, and is null at the end. It holds
the place of the last item in the order that was asked for, so what is added or removed between two
pages neither repeats nor hides anything else. By id: ``starting_after`` and ``ending_before`` name
an item, and ``has_more`` says whether any follow.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final, NamedTuple, TypeVar

from fastapi import Query

from kinde_guard.local.management.envelope import Refused

MAX_PAGE_SIZE: Final = 500

PageSize = Annotated[int | None, Query(ge=1, le=MAX_PAGE_SIZE, description="Items in a page.")]
NextToken = Annotated[str | None, Query(max_length=4096, description="From the last answer.")]
ItemId = Annotated[str | None, Query(max_length=255, description="The id of an item.")]

Item = TypeVar("Item")
Key = Callable[[Item], str]


class Page(NamedTuple):
    """Which page by token was asked for."""

    size: int | None
    token: str | None
    sort: str | None = None


def by_token(
    items: Sequence[Item], page: Page, *, orders: Mapping[str, Key[Item]], id_of: Key[Item]
) -> tuple[list[Item], str | None]:
    """Return the items of a page, and the token of the next one.

    Args:
        items: all that there are.
        page: what was asked for; ten items if it does not say.
        orders: by their names without ``_asc`` and ``_desc`` what to sort by; the first is the
            order where none is asked for.
        id_of: tells items apart that are equal otherwise.

    Raises:
        Refused: the token is none of ours, or of another order.
    """
    after = None if page.token is None else _read(page.token)
    sort = page.sort or (after[0] if after else f"{next(iter(orders))}_asc")
    name, _, direction = sort.rpartition("_")
    if name not in orders or (after is not None and after[0] != sort):
        raise _unknown_token()

    def place(item: Item) -> tuple[str, str]:
        return orders[name](item), id_of(item)

    ordered = sorted(items, key=place, reverse=direction == "desc")
    if after is not None:
        last = after[1:]
        ordered = [
            item
            for item in ordered
            if (place(item) < last if direction == "desc" else place(item) > last)
        ]
    size = page.size or 10
    found = ordered[:size]
    more = len(ordered) > size
    return found, _write(sort, *place(found[-1])) if more else None


def by_id(
    items: Sequence[Item],
    *,
    size: int,
    id_of: Key[Item],
    starting_after: str | None = None,
    ending_before: str | None = None,
) -> tuple[list[Item], bool]:
    """Return the items of a page, and whether more follow in the direction of paging.

    Raises:
        Refused: there is no item of that id, or both ends were given.
    """
    if starting_after is not None and ending_before is not None:
        raise Refused("INVALID_REQUEST", "starting_after and ending_before exclude each other")
    ids = [id_of(item) for item in items]
    if ending_before is not None:
        end = _index(ids, ending_before)
        return list(items[max(0, end - size) : end]), end > size
    start = 0 if starting_after is None else _index(ids, starting_after) + 1
    return list(items[start : start + size]), len(items) > start + size


def _index(ids: list[str], wanted: str) -> int:
    if wanted not in ids:
        raise Refused("NOT_FOUND", "starting_after or ending_before names nothing that is listed")
    return ids.index(wanted)


def _write(*place: str) -> str:
    return urlsafe_b64encode(json.dumps(place).encode()).decode()


def _read(token: str) -> tuple[str, str, str]:
    try:
        place = json.loads(urlsafe_b64decode(token.encode("ascii")))
    except (ValueError, RecursionError):
        raise _unknown_token() from None
    match place:
        case [str(sort), str(key), str(item_id)]:
            return sort, key, item_id
    raise _unknown_token()


def _unknown_token() -> Refused:
    return Refused("INVALID_NEXT_TOKEN", "The next_token is not one of an answer to this request")
