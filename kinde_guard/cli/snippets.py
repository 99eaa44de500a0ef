"""What to type next: commands and code that work as they are pasted."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from textwrap import dedent


def token_command(
    issuer: str,
    *,
    client_id: str,
    client_secret: str,
    audience: str,
    scope: str,
    ca: Path | None = None,
) -> str:
    r"""Return a shell command that puts an access token into ``$TOKEN``.

    Parameters:
        issuer: the tenant.
        client_id: of the application, or a shell's word for it.
        client_secret: likewise.
        audience: the API.
        scope: what to ask for, "" for all that was granted.
        ca: the file with the certificate authority to trust, None for the usual ones.

    Example:
        >>> command = token_command(
        ...     "https://acme.kinde.com", client_id='"$KINDE_CLIENT_ID"',
        ...     client_secret='"$KINDE_CLIENT_SECRET"', audience="api", scope="read:users")
        >>> print(command.splitlines()[0])
        TOKEN=$(curl -s https://acme.kinde.com/oauth2/token \
    """
    trust = f"--cacert {shlex.quote(str(ca))} \\\n  " if ca else ""
    return f"TOKEN=$(curl -s {trust}" + dedent(f"""\
        {issuer}/oauth2/token \\
          -d grant_type=client_credentials \\
          -d client_id={client_id} \\
          -d client_secret={client_secret} \\
          {_field("audience", audience)} {_field("scope", scope)} |
          python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')""")


def _field(name: str, value: str) -> str:
    """Return curl's option for one field of a form, encoded only if it must be."""
    plain = re.fullmatch(r"[\w.:/-]*", value, re.ASCII)
    return f"-d {name}={value}" if plain else f"--data-urlencode {shlex.quote(f'{name}={value}')}"


def call_command(url: str) -> str:
    """Return a shell command that calls an API with ``$TOKEN``."""
    return f'curl -i {url} -H "Authorization: Bearer $TOKEN"'


def guard_code(domain: str, audience: str) -> str:
    """Return the lines that protect a user's own application."""
    return dedent(f"""\
        from fastapi import Depends
        from kinde_guard import KindeGuard, require_scopes

        guard = KindeGuard(
            "{domain}",
            audience="{audience}",
        )
        guard.install(app)

        @app.get("/users", dependencies=[Depends(require_scopes("read:users"))])""")
