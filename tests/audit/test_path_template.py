"""Paths as a framework writes them: what they match, and what lies below them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from kinde_guard.audit.path_template import PathTemplate

MATCHES: list[tuple[str, str, dict[str, Any] | None]] = [
    ("/users", "/users", {}),
    ("/users", "/users/", None),
    ("/users", "/user", None),
    ("/users", "/v1/users", None),
    ("/users", "/users\n", None),
    ("/", "/", {}),
    ("/users/{id}", "/users/7", {"id": "7"}),
    ("/users/{id}", "/users/", None),
    ("/users/{id}", "/users/7/", None),
    ("/users/{id}", "/users/7/roles", None),
    ("/users/{id:int}", "/users/7", {"id": 7}),
    ("/users/{id:int}", "/users/ada", None),
    ("/users/{id}/roles/{role}", "/users/7/roles/8", {"id": "7", "role": "8"}),
    ("/static/{path:path}", "/static/a/b.css", {"path": "a/b.css"}),
    ("/static/{path:path}", "/static/", {"path": ""}),
    ("/static/{path:path}", "/static", None),
    ("/at/{x:float}/{y:float}", "/at/1.5/2", {"x": 1.5, "y": 2.0}),
    ("/at/{x:float}/{name}", "/at/1/here", {"x": 1.0, "name": "here"}),
    (
        "/by/{id:uuid}",
        "/by/00000000-0000-0000-0000-000000000007",
        {"id": UUID(int=7)},
    ),
    ("/a.b/{id}.json", "/a.b/7.json", {"id": "7"}),
    ("/a.b/{id}.json", "/axb/7.json", None),
    ("/a.b/{id}.json", "/a.b/7xjson", None),
    ("/{name}/{name}", "/outer/inner", {"name": "inner"}),
]


@pytest.mark.parametrize(("template", "path", "parameters"), MATCHES)
def test_path_gives_these_parameters_or_is_none_of_the_template(
    template: str, path: str, parameters: dict[str, Any] | None
) -> None:
    assert PathTemplate(template).match(path) == parameters


@pytest.mark.parametrize(
    ("template", "plain"),
    [
        ("/users", "/users"),
        ("/users/{id:int}", "/users/{id}"),
        ("/users/{id:int}/roles/{role}/", "/users/{id}/roles/{role}/"),
        ("/static/{path:path}", "/static/{path}"),
    ],
)
def test_plain_text_has_no_convertors_and_the_text_has_them(template: str, plain: str) -> None:
    assert PathTemplate(template).plain == plain
    assert PathTemplate(template).text == template


OVERLAPS: list[tuple[str, str, bool]] = [
    ("/static", "/static", True),
    ("/static/app.css", "/static", True),
    ("/static", "/static/css", False),
    ("/users", "/static", False),
    ("/v1/users", "/users", False),
    ("/staticx", "/static", False),
    ("/", "/", True),
    ("/users", "/", True),
    ("/users", "", True),
    ("/", "/users", False),
    ("/{tenant}/users", "/static", True),
    ("/{tenant}/users", "/static/users", True),
    ("/{tenant}/users", "/static/css", False),
    ("/x-{tenant}", "/static", True),
    ("/{path:path}", "/static/css/a", True),
    ("/files/{path:path}", "/files/a/b/c", True),
    ("/files/{path:path}", "/other/a", False),
    ("/a/b", "/a/c", False),
    ("/static/", "/static", True),
    ("/static", "/static/", True),
    ("/static/css", "/static/", True),
    ("/users", "/X", False),
    ("/userX", "/user", False),
]


@pytest.mark.parametrize(("template", "prefix", "overlaps"), OVERLAPS)
def test_template_overlaps_the_prefixes_that_hold_one_of_its_paths(
    template: str, prefix: str, overlaps: bool
) -> None:
    assert PathTemplate(template).overlaps(prefix) is overlaps
