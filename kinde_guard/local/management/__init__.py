"""Kinde's Management API, as local Kinde has it: which endpoints, and the scope of each."""

from kinde_guard.local.management.app import management_app
from kinde_guard.local.management.coverage import implemented, not_implemented
from kinde_guard.local.management.scope_policy import Endpoint, endpoints

__all__ = ["Endpoint", "endpoints", "implemented", "management_app", "not_implemented"]
