from __future__ import annotations

import base64
import json
from collections.abc import Sequence

import pytest

from kinde_guard.local.management.envelope import Refused
from kinde_guard.local.management.paging import Page, by_id, by_token

ITEMS = [f"{letter}{number}" for letter in "cab" for number in range(3)]
ORDERS = {"name": lambda item: item[0], "number": lambda item: item[1]}


def pages(sort: str | None, size: int, items: Sequence[str] = ITEMS) -> list[list[str]]:
    found, token = by_token(items, Page(size, None, sort), orders=ORDERS, id_of=str)
    pages = [found]
    while token is not None:
        found, token = by_token(items, Page(size, token), orders=ORDERS, id_of=str)
        pages.append(found)
    return pages


@pytest.mark.parametrize("size", [1, 2, 3, 4, 8, 9, 10, 500])
def test_pages_together_are_everything_once(size: int) -> None:
    for sort, expected in (
        (None, sorted(ITEMS)),
        ("name_desc", sorted(ITEMS, reverse=True)),
        ("number_asc", sorted(ITEMS, key=lambda item: (item[1], item))),
    ):
        found = pages(sort, size)
        assert [item for page in found for item in page] == expected
        assert [len(page) for page in found[:-1]] == [size] * (len(found) - 1)
        assert found[-1]


def test_nothing_is_one_empty_page() -> None:
    assert pages(None, 5, []) == [[]]


def test_what_goes_or_comes_between_pages_hides_and_repeats_nothing_else() -> None:
    first, token = by_token(ITEMS, Page(3, None), orders=ORDERS, id_of=str)
    now = [item for item in ITEMS if item not in first] + ["a00"]
    second, _ = by_token(now, Page(3, token), orders=ORDERS, id_of=str)

    assert (first, second) == (["a0", "a1", "a2"], ["b0", "b1", "b2"])


@pytest.mark.parametrize(
    "token",
    [
        "",
        "!",
        "é",
        "AAAA",
        base64.urlsafe_b64encode(b"[" * 50_000).decode(),
        base64.urlsafe_b64encode(b'["name_asc", 1, "x"]').decode(),
        base64.urlsafe_b64encode(b'["name_asc", "x"]').decode(),
        base64.urlsafe_b64encode(b'["secret_asc", "x", "x"]').decode(),
    ],
)
def test_a_token_that_is_none_of_ours_is_refused(token: str) -> None:
    with pytest.raises(Refused) as refused:
        by_token(ITEMS, Page(3, token), orders=ORDERS, id_of=str)
    assert refused.value.body.errors[0].code == "INVALID_NEXT_TOKEN"


def test_a_token_of_another_order_is_refused() -> None:
    token = base64.urlsafe_b64encode(json.dumps(["name_asc", "a", "a0"]).encode()).decode()
    with pytest.raises(Refused):
        by_token(ITEMS, Page(3, token, "name_desc"), orders=ORDERS, id_of=str)


def test_pages_by_id_go_both_ways() -> None:
    ids = ["1", "2", "3", "4", "5"]

    assert by_id(ids, size=2, id_of=str) == (["1", "2"], True)
    assert by_id(ids, size=2, id_of=str, starting_after="3") == (["4", "5"], False)
    assert by_id(ids, size=2, id_of=str, starting_after="5") == ([], False)
    assert by_id(ids, size=2, id_of=str, ending_before="4") == (["2", "3"], True)
    assert by_id(ids, size=2, id_of=str, ending_before="3") == (["1", "2"], False)
    assert by_id(ids, size=2, id_of=str, ending_before="1") == ([], False)


def test_an_unknown_id_and_two_ends_are_refused() -> None:
    with pytest.raises(Refused):
        by_id(["1"], size=2, id_of=str, starting_after="2")
    with pytest.raises(Refused):
        by_id(["1"], size=2, id_of=str, starting_after="1", ending_before="1")
