"""People sign in at local Kinde: the authorization endpoint, its pages, devices and sign-out.

There are no passwords: a page lists the tenant's people, and a click signs in as one of them.
"""

from kinde_guard.local.sign_in.routes import sign_in_routes

__all__ = ["sign_in_routes"]
