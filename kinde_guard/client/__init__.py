"""Access tokens for callers: client credentials, asked for once and shared by all who need them."""

from kinde_guard.client.credentials import ClientCredentials
from kinde_guard.client.errors import (
    ClientCredentialsError,
    ScopeNotGranted,
    TokenEndpointUnavailable,
    TokenRequestError,
)
from kinde_guard.client.grant import TokenGrant

__all__ = [
    "ClientCredentials",
    "ClientCredentialsError",
    "ScopeNotGranted",
    "TokenEndpointUnavailable",
    "TokenGrant",
    "TokenRequestError",
]
