"""Which application is calling: client id and secret from the form body (client_secret_post).

HTTP Basic counts as no authentication, as users report of Kinde. A front end or a device has no
secret: its client id is all that there is to know (RFC 6749, section 3.2.1).
"""

from __future__ import annotations

import hmac
from typing import Final

from kinde_guard.local.form import Form
from kinde_guard.local.oauth_errors import InvalidClient
from kinde_guard.local.store import Application, Store

NO_SECRET: Final = "-" * 52
"""Compared with when there is no such client, so that both cases take the same time."""


def authenticate(store: Store, form: Form) -> Application:
    """Return the application that the form's credentials belong to, or raise ``InvalidClient``."""
    application = store.application(form.one("client_id"))
    if application is not None and application.is_public:
        return application
    expected = application.client_secret if application else NO_SECRET
    same = hmac.compare_digest(expected.encode(), form.one("client_secret").encode())
    if application is None or not same:
        raise InvalidClient
    return application
