"""``GET /oauth2/v2/user_profile``: who signed in, by their access token.

Source: Kinde's frontend API, user profile v2 (OpenID Connect Core, section 5.3).
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from kinde_guard.local.bearer import bearer_of, calling_person
from kinde_guard.local.oauth_errors import NO_STORE
from kinde_guard.local.store import User
from kinde_guard.local.tenant import Tenant


def user_profile_routes(tenant: Tenant) -> APIRouter:
    """Return the route of the user profile."""
    router = APIRouter()

    @router.get("/oauth2/v2/user_profile")
    async def user_profile(request: Request) -> Response:
        user, _ = await run_in_threadpool(calling_person, tenant, bearer_of(request))
        return JSONResponse(profile(user), headers=NO_STORE)

    return router


def profile(user: User) -> dict[str, object]:
    """Return the members of a person's profile."""
    names = [user.first_name or "", user.last_name or ""]
    return {
        "sub": user.id,
        "id": user.id,
        "provided_id": user.provided_id,
        "name": " ".join(name for name in names if name),
        "given_name": user.first_name,
        "family_name": user.last_name,
        "updated_at": int(user.created_on),
        "email": user.email,
        "email_verified": user.email is not None,
        "picture": user.picture,
        "preferred_username": user.username,
    }
