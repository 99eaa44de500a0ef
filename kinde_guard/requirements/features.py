"""Feature flags: ``require_feature``.

Annotations are not postponed here, as in :mod:`.dependency`.
"""

import math
from collections.abc import Sequence
from typing import Any

from starlette.types import Scope

from kinde_guard.requirements.dependency import TokenDependency
from kinde_guard.requirements.requirement import Requirement
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.verification.scopes import scope_names
from kinde_guard.vocabulary.errors import FeatureUnavailable, GuardError

FeatureValue = bool | int | float | str


class FeatureRequirement(TokenDependency):
    """A feature flag with a certain value.

    Args:
        key: of the flag.
        value: that it must have, of the same type.
    """

    __slots__ = ("key", "value")

    def __init__(self, key: str, value: FeatureValue) -> None:
        self.key = key
        self.value = value

    @property
    def label(self) -> str:
        """The flag, with its value unless that is true."""
        return f"feature {self.key}" + ("" if self.value is True else f" = {self.value!r}")

    def is_met(self, token: AccessToken, _scope: Scope) -> bool:
        """Tell whether the flag has the value, of that type: 1 is not True."""
        value = token.features.get(self.key)
        return type(value) is type(self.value) and value == self.value

    def rejection(self, route: Sequence[Requirement]) -> GuardError:
        """Name all feature flags of the route."""
        kind = (each for each in route if isinstance(each, FeatureRequirement))
        return FeatureUnavailable({each.key: each.value for each in kind})

    def document(self, operation: dict[str, Any]) -> None:
        """Add ``x-required-features``."""
        operation.setdefault("x-required-features", {})[self.key] = self.value

    def problem_schema(self) -> dict[str, Any]:
        """Describe ``required_features``."""
        return {
            "required_features": {
                "type": "object",
                "description": "With 403: all feature flags required.",
            }
        }


def require_feature(key: str, value: FeatureValue = True) -> FeatureRequirement:
    """Make a dependency that needs a feature flag: on, or of a certain value.

    Args:
        key: of the flag, as in Kinde.
        value: what it must equal, of the same type; ``True`` unless given.

    Raises:
        ValueError: at import, where the key is not a name, or the value is none that a flag has.

    Source: Kinde, "About access tokens" (``feature_flags``).

    Example:
        >>> require_feature("theme", "pink").label
        "feature theme = 'pink'"
    """
    (name,) = scope_names((key,), "feature")
    if not isinstance(value, (bool, int, float, str)) or _is_not_finite(value):
        raise ValueError(
            f"{value!r} was given as the value of the feature {name}; give true or false, a number "
            "or a string"
        )
    return FeatureRequirement.of(name, value)


def _is_not_finite(value: FeatureValue) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
