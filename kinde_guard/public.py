"""Every public name. Import them from ``kinde_guard`` itself, which looks them up here.

The names of rooms that only some applications use are imported when they are asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from kinde_guard.guard import KindeGuard
from kinde_guard.jose.compact_jws import SignedToken, verify_signature
from kinde_guard.keys import KeySet, PublicKey, RemoteKeySet
from kinde_guard.middleware import KindeGuardMiddleware
from kinde_guard.requirements.features import require_feature
from kinde_guard.requirements.operation import require_operation_scope
from kinde_guard.requirements.organization import require_org
from kinde_guard.requirements.permissions import require_permissions
from kinde_guard.requirements.roles import require_any_role, require_roles
from kinde_guard.requirements.scopes import require_any_scope, require_scopes
from kinde_guard.requirements.token import current_token, optional_token, require_token
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.vocabulary.errors import (
    AccessDenied,
    ApiKeysUnavailable,
    ConfigurationError,
    ExpiredToken,
    FeatureUnavailable,
    GuardError,
    ImmatureToken,
    InsufficientPermissions,
    InsufficientRole,
    InsufficientScope,
    InvalidApiKey,
    InvalidClaim,
    InvalidKeySet,
    InvalidRequest,
    InvalidSignature,
    InvalidToken,
    KeysUnavailable,
    MalformedToken,
    MissingToken,
    RevocationsUnavailable,
    RevokedToken,
    TemporarilyUnavailable,
    TooManyUnknownKeys,
    UnknownKey,
    UnsupportedAlgorithm,
    WrongAudience,
    WrongIssuer,
    WrongOrganization,
)
from kinde_guard.vocabulary.events import GuardEvent, GuardStats

if TYPE_CHECKING:
    from kinde_guard.api_keys import ApiKeys
    from kinde_guard.revocation import MemoryRevocations, RedisRevocations, RevocationWriteError
    from kinde_guard.webhooks import (
        InvalidWebhook,
        UnsupportedWebhookType,
        WebhookEvent,
        WebhookTooLarge,
        kinde_webhook,
    )

_IMPORTED_WHEN_ASKED_FOR = {
    "kinde_guard.api_keys": {"ApiKeys"},
    "kinde_guard.revocation": {"MemoryRevocations", "RedisRevocations", "RevocationWriteError"},
    "kinde_guard.webhooks": {
        "InvalidWebhook",
        "UnsupportedWebhookType",
        "WebhookEvent",
        "WebhookTooLarge",
        "kinde_webhook",
    },
}


def __getattr__(name: str) -> object:
    for module, names in _IMPORTED_WHEN_ASKED_FOR.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "AccessDenied",
    "AccessToken",
    "ApiKeys",
    "ApiKeysUnavailable",
    "ConfigurationError",
    "ExpiredToken",
    "FeatureUnavailable",
    "GuardError",
    "GuardEvent",
    "GuardStats",
    "ImmatureToken",
    "InsufficientPermissions",
    "InsufficientRole",
    "InsufficientScope",
    "InvalidApiKey",
    "InvalidClaim",
    "InvalidKeySet",
    "InvalidRequest",
    "InvalidSignature",
    "InvalidToken",
    "InvalidWebhook",
    "KeySet",
    "KeysUnavailable",
    "KindeGuard",
    "KindeGuardMiddleware",
    "MalformedToken",
    "MemoryRevocations",
    "MissingToken",
    "PublicKey",
    "RedisRevocations",
    "RemoteKeySet",
    "RevocationWriteError",
    "RevocationsUnavailable",
    "RevokedToken",
    "SignedToken",
    "TemporarilyUnavailable",
    "TooManyUnknownKeys",
    "UnknownKey",
    "UnsupportedAlgorithm",
    "UnsupportedWebhookType",
    "WebhookEvent",
    "WebhookTooLarge",
    "WrongAudience",
    "WrongIssuer",
    "WrongOrganization",
    "current_token",
    "kinde_webhook",
    "optional_token",
    "require_any_role",
    "require_any_scope",
    "require_feature",
    "require_operation_scope",
    "require_org",
    "require_permissions",
    "require_roles",
    "require_scopes",
    "require_token",
    "verify_signature",
]
