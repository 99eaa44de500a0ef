"""What became of a credential that was examined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kinde_guard.cli.explain.checks import Check
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.vocabulary.errors import GuardError
from kinde_guard.vocabulary.settings import Settings


@dataclass(slots=True)
class Examination:
    """What became of a token.

    Attributes:
        settings: those of the guard that examined it.
        checks: in the guard's order, as far as they could be made.
        claims: what the token says, empty if it cannot be read.
        token: the token as the guard gives it to a route; ``None`` if it is refused.
        error: the guard's verdict, if it is not to let the token in.
    """

    settings: Settings
    checks: list[Check] = field(default_factory=list)
    claims: Mapping[str, Any] = field(default_factory=dict)
    token: AccessToken | None = None
    error: GuardError | None = None
