"""Local Kinde: a stand-in for a Kinde tenant on loopback, for development and tests only.

Real Kinde clients talk to it unchanged: discovery, key sets, client-credentials tokens,
introspection and revocation answer as a tenant's do, over http or https, and so does the Management
API. People sign in without passwords: a page lists them. ``LocalKinde`` runs it on a free port and
mints tokens at will; ``create_app`` gives the bare ASGI app to run in a server of your own.

Example:
    >>> from kinde_guard.local import LocalKinde
    >>> with LocalKinde() as kinde:
    ...     kinde.issuer.startswith("http://127.0.0.1:")
    True

"""

from kinde_guard.local.app import create_app
from kinde_guard.local.claims import OMIT
from kinde_guard.local.clock import Clock
from kinde_guard.local.faults import Fault
from kinde_guard.local.kinde import LocalKinde
from kinde_guard.local.seed import AUDIENCE, FRONT_END_CLIENT_ID, SCOPES
from kinde_guard.local.server import LoopbackServer, StartError
from kinde_guard.local.store import (
    Access,
    Application,
    Store,
    StoreError,
    TokenCustomization,
    User,
)
from kinde_guard.local.tenant import Tenant

__all__ = [
    "AUDIENCE",
    "FRONT_END_CLIENT_ID",
    "OMIT",
    "SCOPES",
    "Access",
    "Application",
    "Clock",
    "Fault",
    "LocalKinde",
    "LoopbackServer",
    "StartError",
    "Store",
    "StoreError",
    "Tenant",
    "TokenCustomization",
    "User",
    "create_app",
]
