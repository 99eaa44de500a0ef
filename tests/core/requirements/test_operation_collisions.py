"""Which operations are compared for one scope of Kinde's import, and which are not."""

from __future__ import annotations

import pytest
from fastapi import Depends, FastAPI

from kinde_guard import ConfigurationError, KindeGuard, require_operation_scope
from kinde_guard.requirements.operation_collisions import check_operation_scopes

OWN = [Depends(require_operation_scope())]


async def endpoint() -> None: ...


def test_object_that_is_no_application_has_no_collisions() -> None:
    check_operation_scopes(object())


def test_two_operations_with_one_scope_are_refused_by_their_names() -> None:
    app = FastAPI()
    app.get("/users/{id}", dependencies=OWN)(endpoint)
    app.get("/users_id")(endpoint)
    with pytest.raises(ConfigurationError) as caught:
        check_operation_scopes(app)
    assert "GET /users/{id} and GET /users_id: Kinde's import gives both the scope " in str(
        caught.value
    )


def test_mounted_application_with_its_own_guard_is_not_compared() -> None:
    app, mounted = FastAPI(), FastAPI()
    app.get("/users/{id}", dependencies=OWN)(endpoint)
    mounted.get("/users_id")(endpoint)
    KindeGuard("acme.kinde.com", audience="https://api.acme.com").install(mounted)
    app.mount("/v1", mounted)
    check_operation_scopes(app)


def test_undocumented_operation_without_its_own_scope_is_not_compared() -> None:
    app = FastAPI()
    app.get("/users/{id}", dependencies=OWN)(endpoint)
    app.get("/users_id", include_in_schema=False)(endpoint)
    check_operation_scopes(app)
