"""The operations of Kinde's Management API, each with the one scope that it asks for."""

from __future__ import annotations

from functools import cache

from kinde_guard.local.console.operations import Operation
from kinde_guard.local.management.scope_policy import endpoints


@cache
def management_operations() -> tuple[Operation, ...]:
    """Return them as Kinde's specification lists them.

    Example:
        >>> management_operations()[0].alternatives
        (('read:api_keys',),)
    """
    return tuple(
        Operation(row.method, row.path, alternatives=((row.scope,),) if row.scope else ())
        for row in endpoints()
    )
