"""How clients spell the audience of the Management API.

Kinde's is ``{issuer}/api``; one of its pages writes ``/api/v1``. A client that knows its tenant by
host name puts ``https://`` before whatever it was given: over http that makes ``https://HOST:PORT``
of a bare host (kinde-python-sdk) and ``https://http://HOST:PORT`` of a URL (management-api-js).
"""

from __future__ import annotations


def management_audience(issuer: str) -> str:
    """Return the audience of the Management API of the tenant at ``issuer``.

    Example:
        >>> management_audience("https://acme.kinde.com")
        'https://acme.kinde.com/api'
    """
    return f"{issuer}/api"


def management_audiences(issuer: str) -> tuple[str, ...]:
    """Return every spelling of that audience that clients use, the right one first.

    Example:
        >>> management_audiences("http://127.0.0.1:8787")[2:]
        ('https://127.0.0.1:8787/api', 'https://http://127.0.0.1:8787/api')
    """
    names = [management_audience(issuer), f"{issuer}/api/v1"]
    scheme, _, host = issuer.partition("://")
    if scheme == "http":
        names += [f"https://{host}/api", f"https://{issuer}/api"]
    return tuple(names)


def spellings(issuer: str) -> dict[str, str]:
    """Return each of those spellings with what it stands for."""
    return dict.fromkeys(management_audiences(issuer), management_audience(issuer))
