"""A person calls, is deleted at Kinde, and is refused, against local Kinde.

Run it with: python -m examples.webhooks_and_revocation.try_it
"""

import os

import httpx
from fastapi import FastAPI
from kinde_guard.local import LocalKinde, LoopbackServer


def main() -> None:
    with LocalKinde() as kinde:
        os.environ |= {"KINDE_DOMAIN": kinde.issuer, "KINDE_AUDIENCE": kinde.audience}
        server = LoopbackServer(make_app)
        server.start()
        ada = kinde.people[0]
        headers = {"Authorization": f"Bearer {kinde.user_token(ada)}"}
        print("before", httpx.get(f"{server.url}/me", headers=headers).status_code)
        for kind, body in (
            ("webhook", kinde.webhook("user.deleted", data={"user": {"id": ada.id}})),
            ("a token in its place", kinde.user_token(ada)),
        ):
            answer = httpx.post(
                f"{server.url}/webhooks/kinde",
                content=body,
                headers={"Content-Type": "application/jwt"},
            )
            print(kind, answer.status_code)
        answer = httpx.get(f"{server.url}/me", headers=headers)
        print("after", answer.status_code, answer.json()["reason"])
        server.stop()


def make_app(_: str) -> FastAPI:
    from examples.webhooks_and_revocation.app import app  # noqa: PLC0415 - reads the environment

    return app


if __name__ == "__main__":
    main()
