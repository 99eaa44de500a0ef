"""Calls the API with a good key, a key without the scope and a made-up one, against local Kinde.

Run it with: python -m examples.api_keys.try_it
"""

import os

import httpx
from fastapi import FastAPI
from kinde_guard.local import LocalKinde, LoopbackServer


def main() -> None:
    with LocalKinde() as kinde:
        manager = kinde.management
        if manager is None or manager.client_secret is None:
            raise SystemExit("local Kinde has no application that manages it")
        os.environ |= {
            "KINDE_DOMAIN": kinde.issuer,
            "KINDE_AUDIENCE": kinde.audience,
            "KINDE_MANAGEMENT_CLIENT_ID": manager.client_id,
            "KINDE_MANAGEMENT_CLIENT_SECRET": manager.client_secret,
        }
        server = LoopbackServer(make_app)
        server.start()
        keys = kinde.api_key(["read:users"]), kinde.api_key(["read:roles"]), "k_live_made_up"
        for key in keys:
            answer = httpx.get(f"{server.url}/users", headers={"X-API-Key": key})
            print(answer.status_code, answer.json().get("reason", answer.text))
        server.stop()


def make_app(_: str) -> FastAPI:
    from examples.api_keys.app import app  # noqa: PLC0415 - it reads the environment, which is complete by now

    return app


if __name__ == "__main__":
    main()
