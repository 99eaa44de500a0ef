"""One look-up of a key at Kinde: is it good, and is it for this API?

========================================  ==========================================
Kinde's answer                            means
========================================  ==========================================
200, a JSON object                        good or not good, as it reads
400                                       not good
401, our own token is good, or none sent  not good
401 otherwise, 403, 404, 429, 5xx, 3xx    no answer
200 with anything else, or no response    no answer
========================================  ==========================================

Source: Kinde Management API, ``POST /api/v1/api_keys/verify``.
"""

from __future__ import annotations

import logging
from http import HTTPStatus

from kinde_guard.api_keys.api_binding import APIS_PATH, ApiBinding
from kinde_guard.api_keys.management_requests import Answer, ManagementRequests, Session
from kinde_guard.api_keys.no_answer import NoAnswer
from kinde_guard.api_keys.verification_answer import VerifiedKey, parse_verified_key
from kinde_guard.vocabulary.event_loop import running_loop

logger = logging.getLogger("kinde_guard.api_keys")

VERIFY_PATH = "/api/v1/api_keys/verify"


class KeyLookup:
    """Looks keys up.

    Args:
        management: sends the requests.
        binding: decides whether a key is for this API; ``None`` if that is not asked.
        timeout: seconds for a whole look-up.
    """

    def __init__(
        self, management: ManagementRequests, binding: ApiBinding | None, *, timeout: float
    ) -> None:
        self.url = management.base + VERIFY_PATH
        self._management = management
        self._binding = binding
        self._timeout = timeout
        self._was_warned = False

    async def verify(self, key: bytes) -> VerifiedKey | None:
        """Return what Kinde knows of a good key; ``None`` if the key is not good.

        Args:
            key: visible ASCII.

        Raises:
            NoAnswer: Kinde did not tell.
            Exception: whatever kept its answer from arriving.
        """
        async with (
            running_loop().time_limit(self._timeout),
            self._management.session() as session,
        ):
            verified = await self._ask(session, key)
            if verified is None or await self._is_for_this_api(session, verified):
                return verified
            return None

    async def _ask(self, session: Session, key: bytes) -> VerifiedKey | None:
        payload = {"api_key": key.decode("ascii")}
        answer = await session.post(VERIFY_PATH, payload)
        if await self._refuses_token(session, answer):
            if session.token is None or not await session.token.replace(answer.grant):
                raise NoAnswer("our own token is refused")
            answer = await session.post(VERIFY_PATH, payload)
            if await self._refuses_token(session, answer):
                raise NoAnswer("our own token is refused, and so was the next")
        if answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}:
            self._warn_of_401(answer)
            return None
        return parse_verified_key(answer.json_object())

    async def _refuses_token(self, session: Session, answer: Answer) -> bool:
        """Tell whether a 401 is about our own token rather than the key."""
        if answer.status != HTTPStatus.UNAUTHORIZED or session.token is None:
            return False
        if session.token.is_accepted(answer.grant):
            return False
        # Another endpoint that takes this token and knows nothing of the key.
        probe = await session.get(APIS_PATH)
        if probe.status not in {HTTPStatus.OK, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise probe.refusal()
        return probe.status != HTTPStatus.OK

    def _warn_of_401(self, answer: Answer) -> None:
        # Kinde's pages contradict each other on whether verifying needs a token.
        if answer.grant is None and answer.status == HTTPStatus.UNAUTHORIZED:
            level = logging.DEBUG if self._was_warned else logging.WARNING
            self._was_warned = True
            logger.log(
                level,
                "%s: 401 without a token of our own, so the key was refused; if every key is, give"
                " ApiKeys credentials",
                self.url,
            )

    async def _is_for_this_api(self, session: Session, verified: VerifiedKey) -> bool:
        if self._binding is None:
            return True
        # Without an id it cannot be told what the key is for.
        key_id = verified.key_id
        return key_id is not None and await self._binding.includes(session, key_id)
