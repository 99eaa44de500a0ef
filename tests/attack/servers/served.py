"""The application that a server process serves: ``app``, guarded or not as the environment says."""

from __future__ import annotations

import logging
import os

from kinde_guard import KindeGuard
from tests.attack.servers.house import PUBLIC_PATHS, build
from tests.mint import AUDIENCE


def _guard() -> KindeGuard | None:
    issuer = os.environ.get("HOUSE_ISSUER")
    if not issuer:
        return None
    # The keys are fetched once, at the start: an unknown key id is answered without a pause, in
    # which a client that has said all it had to say could be gone.
    return KindeGuard(
        issuer,
        audience=AUDIENCE,
        public_paths=PUBLIC_PATHS,
        jwks_cooldown=86_400,
        jwks_max_age=86_400,
        jwks_timeout=60,
        fail_fast=True,
    )


logging.basicConfig(level=logging.INFO)
logging.getLogger("kinde_guard").setLevel(logging.DEBUG)
app = build(_guard())
