"""A job that calls the API: it asks Kinde for a token once, and httpx sends it.

Run it with: python examples/machines/caller.py URL
"""

import sys

import httpx
from kinde_guard.client import ClientCredentials, ClientCredentialsError

auth = ClientCredentials.from_env(scopes=["read:invoices"])


def main(url: str) -> None:
    with httpx.Client(base_url=url, auth=auth) as client:
        print(client.get("/invoices").json())
        print(client.post("/invoices").json()["required_scopes"])


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except ClientCredentialsError as error:
        sys.exit(str(error))
