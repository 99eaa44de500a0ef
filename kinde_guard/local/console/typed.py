"""What several forms ask for: keys, names, choices, and the values of feature flags."""

from __future__ import annotations

import re
from typing import Final

from kinde_guard.local.console.form import Form
from kinde_guard.local.console.problems import Invalid
from kinde_guard.local.management.envelope import Refused
from kinde_guard.local.management.feature_flags import read_value
from kinde_guard.local.store import FeatureFlag, FlagType, FlagValue, Store

MAX_TITLE: Final = 255
MAX_VALUE: Final = 1_024
KINDS: Final[dict[FlagType, str]] = {
    "bool": "true or false",
    "int": "a whole number",
    "str": "a text",
}

_WORD: Final = re.compile(r"\S+")


def key_in(form: Form) -> str:
    """Return the field ``key``: one word."""
    key = form.text("key", "The key")
    if not _WORD.fullmatch(key):
        raise Invalid("The key must be one word, without spaces.")
    return key


def title_in(form: Form) -> str:
    """Return the field ``name``."""
    return form.text("name", "The name", longest=MAX_TITLE)


def optional(form: Form, name: str, label: str) -> str:
    """Return a line of text that may be empty."""
    return form.text(name, label, longest=MAX_TITLE, needed=False)


def value_in(form: Form, kind: FlagType) -> FlagValue:
    """Return the field ``value`` as the value of a flag of this type."""
    text = form.text("value", "The value", longest=MAX_VALUE, needed=kind != "str")
    try:
        return read_value(kind, text)
    except Refused:
        raise Invalid(f"The value must be {KINDS[kind]}.") from None


def flag_in(store: Store, form: Form) -> FeatureFlag:
    """Return the flag whose key the form holds."""
    flag = store.feature_flag(form.one("key"))
    if flag is None:
        raise Invalid("There is no such feature flag any more.")
    return flag


def override(
    store: Store, form: Form, *, org_code: str | None = None, user_id: str | None = None
) -> str:
    """Set or reset a flag for an organization or a person; return the sentence to say."""
    with store.transaction():
        flag = flag_in(store, form)
        if form.one("do") == "reset":
            store.reset_feature_flag(flag.key, org_code=org_code, user_id=user_id)
            return f"{flag.name} has the value for everyone again."
        store.set_feature_flag(
            flag.key, value_in(form, flag.type), org_code=org_code, user_id=user_id
        )
    return f"{flag.name} was set."


def flag_rows(
    store: Store, *, org_code: str | None = None, user_id: str | None = None
) -> list[dict[str, str]]:
    """Return every flag with its value for everyone and here, as text."""
    for_all = {flag.key: flag.value for flag in store.feature_flags()}
    return [
        {
            "key": flag.key,
            "name": flag.name,
            "type": flag.type,
            "for_all": text_of(for_all[flag.key]),
            "here": text_of(flag.value),
        }
        for flag in store.feature_flags(org_code=org_code, user_id=user_id)
    ]


def text_of(value: FlagValue) -> str:
    """Return the value of a flag as a form shows it.

    Example:
        >>> text_of(True), text_of(5)
        ('true', '5')
    """
    return str(value).lower() if isinstance(value, bool) else str(value)
