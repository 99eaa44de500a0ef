"""Key sets: one public key, a set of them, and a set that keeps itself fresh over HTTP."""

from kinde_guard.keys.jwk import PublicKey
from kinde_guard.keys.key_set import KeySet
from kinde_guard.keys.remote import RemoteKeySet

__all__ = ["KeySet", "PublicKey", "RemoteKeySet"]
