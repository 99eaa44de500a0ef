"""Every public name. Import them from ``kinde_guard`` itself, which is a door to this module."""

from kinde_guard.guard import KindeGuard
from kinde_guard.jose.compact_jws import SignedToken, verify_signature
from kinde_guard.keys import KeySet, PublicKey, RemoteKeySet
from kinde_guard.middleware import KindeGuardMiddleware
from kinde_guard.requirements.permissions import (
    require_operation_scope,
    require_org,
    require_permissions,
)
from kinde_guard.requirements.scopes import (
    current_token,
    optional_token,
    require_any_scope,
    require_scopes,
    require_token,
)
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.vocabulary.errors import (
    AccessDenied,
    ConfigurationError,
    ExpiredToken,
    GuardError,
    ImmatureToken,
    InsufficientPermissions,
    InsufficientScope,
    InvalidClaim,
    InvalidKeySet,
    InvalidRequest,
    InvalidSignature,
    InvalidToken,
    KeysUnavailable,
    MalformedToken,
    MissingToken,
    UnknownKey,
    UnsupportedAlgorithm,
    WrongAudience,
    WrongIssuer,
    WrongOrganization,
)
from kinde_guard.vocabulary.events import GuardEvent, GuardStats

__all__ = [
    "AccessDenied",
    "AccessToken",
    "ConfigurationError",
    "ExpiredToken",
    "GuardError",
    "GuardEvent",
    "GuardStats",
    "ImmatureToken",
    "InsufficientPermissions",
    "InsufficientScope",
    "InvalidClaim",
    "InvalidKeySet",
    "InvalidRequest",
    "InvalidSignature",
    "InvalidToken",
    "KeySet",
    "KeysUnavailable",
    "KindeGuard",
    "KindeGuardMiddleware",
    "MalformedToken",
    "MissingToken",
    "PublicKey",
    "RemoteKeySet",
    "SignedToken",
    "UnknownKey",
    "UnsupportedAlgorithm",
    "WrongAudience",
    "WrongIssuer",
    "WrongOrganization",
    "current_token",
    "optional_token",
    "require_any_scope",
    "require_operation_scope",
    "require_org",
    "require_permissions",
    "require_scopes",
    "require_token",
    "verify_signature",
]
