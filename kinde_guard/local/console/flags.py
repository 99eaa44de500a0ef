"""The page of feature flags: which there are, and the value that each has for everyone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.routing import Route

from kinde_guard.local.console.form import Form
from kinde_guard.local.console.problems import Invalid
from kinde_guard.local.console.routing import At, Console, Done, Sheet
from kinde_guard.local.console.typed import (
    flag_in,
    flag_rows,
    key_in,
    optional,
    title_in,
    value_in,
)
from kinde_guard.local.store import FlagType, Store

TYPES: Final[dict[FlagType, str]] = {
    "bool": "Boolean",
    "int": "Integer",
    "str": "String",
}


def flag_routes(console: Console) -> list[Route]:
    """Return the routes of this page."""
    flags = _Flags(console.tenant.store)
    page = Sheet("flags.html", flags.index)
    return [
        console.sheet("/flags", page),
        console.edits("/flags", flags.create, page),
        console.edits("/flags/value", flags.set_value, page),
        console.edits("/flags/delete", flags.delete, page),
    ]


class _Flags:
    def __init__(self, store: Store) -> None:
        self._store = store

    def index(self, _: At) -> Mapping[str, object]:
        with self._store.reading():
            return {"flags": flag_rows(self._store), "types_of_flags": TYPES}

    def create(self, _: At, form: Form) -> Done:
        value = value_in(form, _type(form.one("type")))
        description = optional(form, "description", "The description")
        flag = self._store.add_feature_flag(
            key_in(form), title_in(form), value, description=description
        )
        return Done("/flags", f"{flag.name} was created.")

    def set_value(self, _: At, form: Form) -> Done:
        with self._store.transaction():
            flag = flag_in(self._store, form)
            self._store.set_feature_flag(flag.key, value_in(form, flag.type))
        return Done("/flags", f"{flag.name} was set for everyone without a value of their own.")

    def delete(self, _: At, form: Form) -> Done:
        with self._store.transaction():
            flag = flag_in(self._store, form)
            self._store.delete_feature_flag(flag.key)
        return Done("/flags", f"{flag.name} was deleted.")


def _type(typed: str) -> FlagType:
    for kind in TYPES:
        if kind == typed:
            return kind
    raise Invalid("Choose one of the types.")
