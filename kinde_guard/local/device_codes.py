"""Devices that wait for a person to sign in elsewhere (RFC 8628): their codes, in memory.

====================  =============================================================
waiting               the token endpoint answers ``authorization_pending``
waiting, too eager    ``slow_down``: asked again before ``INTERVAL`` was over
approved              tokens, once
denied                ``access_denied``
older than LIFETIME   ``expired_token``
====================  =============================================================
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from kinde_guard.local.oauth_errors import (
    AccessDenied,
    AuthorizationPending,
    ExpiredDeviceCode,
    InvalidGrant,
    SlowDown,
)

LIFETIME: Final = 600
"""Seconds that a device's codes are good for."""
INTERVAL: Final = 5
"""Seconds that a device waits between two questions."""
MAX_DEVICES: Final = 1_000
ALPHABET: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""Of user codes: no vowels, so that no words come of it, and nothing that looks like a digit."""


@dataclass
class WaitingDevice:
    """A device that asks for tokens. It has no repr of its codes."""

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)
    client_id: str
    scopes: tuple[str, ...]
    audience: tuple[str, ...]
    expires_at: float
    asked_at: float | None = None
    sign_in_id: str | None = None
    is_denied: bool = False


class DeviceCodes:
    """The waiting devices of a tenant, bounded, oldest out first. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._devices: OrderedDict[str, WaitingDevice] = OrderedDict()

    def add(
        self, *, client_id: str, scopes: tuple[str, ...], audience: tuple[str, ...], now: float
    ) -> WaitingDevice:
        """Return a device with new codes."""
        letters = "".join(secrets.choice(ALPHABET) for _ in range(8))
        device = WaitingDevice(
            secrets.token_urlsafe(32),
            f"{letters[:4]}-{letters[4:]}",
            client_id,
            scopes,
            audience,
            now + LIFETIME,
        )
        with self._lock:
            self._devices[device.device_code] = device
            while len(self._devices) > MAX_DEVICES:
                self._devices.popitem(last=False)
        return device

    def find(self, typed: str, *, now: float) -> WaitingDevice | None:
        """Return the device that waits under a user code, however it was typed."""
        letters = "".join(letter for letter in typed.upper() if letter in ALPHABET)
        with self._lock:
            for device in self._devices.values():
                is_waiting = device.sign_in_id is None and not device.is_denied
                if device.user_code.replace("-", "") == letters and is_waiting:
                    return device if now < device.expires_at else None
        return None

    def redeem(self, device_code: str, *, client_id: str, now: float) -> str:
        """Return the sign-in that a device was given, once.

        Raises:
            OAuthError: there is none, or none yet.
        """
        with self._lock:
            device = self._devices.get(device_code)
            if device is None or device.client_id != client_id:
                raise InvalidGrant("The device code is not known.")
            if now >= device.expires_at:
                raise ExpiredDeviceCode
            if device.sign_in_id is not None:
                del self._devices[device_code]
                return device.sign_in_id
            if device.is_denied:
                raise AccessDenied
            asked_at, device.asked_at = device.asked_at, now
        if asked_at is not None and now < asked_at + INTERVAL:
            raise SlowDown
        raise AuthorizationPending
