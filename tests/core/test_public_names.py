"""The names of the package that are imported when they are asked for."""

from __future__ import annotations

import pytest

from kinde_guard import public, webhooks


def test_name_of_another_module_is_imported_when_it_is_asked_for() -> None:
    assert public.kinde_webhook is webhooks.kinde_webhook


def test_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError) as caught:
        _ = public.require_nothing
    assert str(caught.value) == "module 'kinde_guard.public' has no attribute 'require_nothing'"
