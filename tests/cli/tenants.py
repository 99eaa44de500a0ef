"""What a person sets in the environment to use a local Kinde as their tenant."""

from __future__ import annotations

from kinde_guard.local import Application, LocalKinde


def of_caller(kinde: LocalKinde, application: Application) -> dict[str, str]:
    return {
        "KINDE_DOMAIN": kinde.issuer,
        "KINDE_CLIENT_ID": application.client_id,
        "KINDE_CLIENT_SECRET": application.client_secret,
        "KINDE_AUDIENCE": kinde.audience,
    }


def of_manager(kinde: LocalKinde, application: Application | None = None) -> dict[str, str]:
    manager = application or kinde.management
    assert manager is not None
    return {
        "KINDE_DOMAIN": kinde.issuer,
        "KINDE_MANAGEMENT_CLIENT_ID": manager.client_id,
        "KINDE_MANAGEMENT_CLIENT_SECRET": manager.client_secret,
        "KINDE_AUDIENCE": kinde.audience,
    }
