"""Whether a key belongs to this API.

Verifying a key does not tell which API it was made for, and scopes of different APIs may have equal
names. So the API is found by its audience, and each key's APIs are asked for once: the API of a key
never changes, and a rotated key keeps its id.

Source: Kinde Management API, ``GET /api/v1/apis`` and ``GET /api/v1/api_keys/{key_id}``.
"""

from __future__ import annotations

from http import HTTPStatus

from kinde_guard.api_keys.cache import BoundedMap
from kinde_guard.api_keys.management_requests import Answer, Session
from kinde_guard.api_keys.no_answer import NoAnswer
from kinde_guard.api_keys.verification_answer import parse_api_ids, parse_apis

APIS_PATH = "/api/v1/apis"
KEYS_PATH = "/api/v1/api_keys"

MAX_KEYS = 4_096
"""Keys whose APIs are remembered."""


class ApiBinding:
    """Knows the ids of this API and which keys belong to it.

    Args:
        audience: what the API is called; a key of an API with any of these names belongs.
    """

    def __init__(self, audience: frozenset[str]) -> None:
        self._audience = audience
        self._own: frozenset[str] = frozenset()
        self._belongs: BoundedMap[bool] = BoundedMap(MAX_KEYS)

    async def includes(self, session: Session, key_id: str) -> bool:
        """Tell whether a key belongs to this API.

        Args:
            session: asks Kinde, if the key is not known.
            key_id: of the key; it can stand in a path.

        Raises:
            NoAnswer: Kinde does not tell.
        """
        known = self._belongs.get(key_id.encode())
        if known is not None:
            return known
        own = self._own or self.learn(await session.get(APIS_PATH))
        answer = await session.get(f"{KEYS_PATH}/{key_id}")
        if answer.status == HTTPStatus.NOT_FOUND:
            # It was deleted since it was verified.
            return False
        api_ids = parse_api_ids(answer.json_object(), key_id)
        if api_ids is None:
            raise NoAnswer("the answer is not about the API key that was asked for")
        belongs = bool(own & api_ids)
        self._belongs.put(key_id.encode(), belongs)
        return belongs

    def learn(self, answer: Answer) -> frozenset[str]:
        """Read the ids of this API from the list of all APIs.

        Raises:
            NoAnswer: it is no such list, or none of them is this API.
        """
        apis = parse_apis(answer.json_object())
        if apis is None:
            raise NoAnswer("the answer is no list of APIs")
        own = frozenset(api_id for api_id, name in apis.items() if name in self._audience)
        if not own:
            names = ", ".join(sorted(self._audience))
            raise NoAnswer(f"the tenant has no API with the audience {names}")
        self._own = own
        return own
