"""Kinde API keys as credentials: verified at Kinde, remembered, and bound to this API."""

from kinde_guard.api_keys.settings import ApiKeys

__all__ = ["ApiKeys"]
