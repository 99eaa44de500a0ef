"""kinde-python-sdk: an administrator's work on an API and on who may call it.

management_api_js.mjs does the same and tells the same.
"""

# What it imports is installed in tests/clients/.venv only.
# mypy: disable-error-code="import-not-found,import-untyped"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kinde_sdk.management.models import (
    AddAPIScopeRequest,
    AddAPIsRequest,
    UpdateAPIApplicationsRequest,
    UpdateAPIApplicationsRequestApplicationsInner,
    UpdateAPIScopeRequest,
)
from telling import acting_as, given, refusal, tell, token

caller, audience = given["caller"], given["audience"]


def applications(**named: str) -> UpdateAPIApplicationsRequest:
    inner = UpdateAPIApplicationsRequestApplicationsInner(**named)
    return UpdateAPIApplicationsRequest(applications=[inner])


def work(apis: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"tokens": {}}
    told["apis_before"] = apis.get_apis()

    told["api_added"] = apis.add_apis(AddAPIsRequest(name="Orders API", audience=audience))
    api_id = told["api_added"].api.id
    scope_ids = {}
    for key in ("read:orders", "create:orders", "delete:orders"):
        added = apis.add_api_scope(api_id, AddAPIScopeRequest(key=key, description=f"May {key}"))
        scope_ids[key] = added.scope.id
    scope_id = scope_ids["read:orders"]
    apis.update_api_scope(api_id, scope_id, UpdateAPIScopeRequest(description="See orders"))
    apis.delete_api_scope(api_id, scope_ids["delete:orders"])
    told["scopes"] = apis.get_api_scopes(api_id)
    told["scope"] = apis.get_api_scope(api_id, scope_id)
    told["apis_with_scopes"] = apis.get_apis(expand="scopes")

    client_id, tokens = caller["client_id"], told["tokens"]
    tokens["before"] = token(caller, audience)
    told["connected"] = apis.update_api_applications(api_id, applications(id=client_id))
    told["api"] = apis.get_api(api_id)
    tokens["authorised"] = token(caller, audience)
    apis.add_api_application_scope(api_id, client_id, scope_id)
    tokens["granted"] = token(caller, audience)
    apis.delete_api_application_scope(api_id, client_id, scope_id)
    tokens["revoked"] = token(caller, audience)
    disconnect = applications(id=client_id, operation="delete")
    told["disconnected"] = apis.update_api_applications(api_id, disconnect)
    tokens["deauthorised"] = token(caller, audience)

    told["refusals"] = refusals(apis, api_id)
    told["api_deleted"] = apis.delete_api(api_id)
    told["apis_after"] = apis.get_apis()
    return told


def refusals(apis: Any, api_id: str) -> dict[str, Any]:
    client_id, unknown = caller["client_id"], "0" * 32
    scope_id = f"api_scope_{unknown}"
    again = AddAPIsRequest(name="Again", audience=audience)
    taken, spaced = AddAPIScopeRequest(key="read:orders"), AddAPIScopeRequest(key="read orders")
    calls: dict[str, Callable[[], Any]] = {
        "unknown_api": lambda: apis.get_api(unknown),
        "unknown_api_deleted": lambda: apis.delete_api(unknown),
        "unknown_scope": lambda: apis.get_api_scope(api_id, scope_id),
        "unknown_scope_granted": lambda: apis.add_api_application_scope(
            api_id, client_id, scope_id
        ),
        "audience_taken": lambda: apis.add_apis(again),
        "scope_taken": lambda: apis.add_api_scope(api_id, taken),
        "scope_with_a_space": lambda: apis.add_api_scope(api_id, spaced),
    }
    return {name: refusal(call) for name, call in calls.items()}


def delegation(apis: Any) -> dict[str, Any]:
    """The caller gets at the Management API itself, one scope at a time."""
    told: dict[str, Any] = {}
    client_id = caller["client_id"]
    listed = apis.get_apis(expand="scopes").apis
    management_api = next(api for api in listed if api.is_management_api)
    api_id = management_api.id
    ids = {scope.key: scope.id for scope in management_api.scopes}
    new = AddAPIsRequest(name="By the caller", audience="https://by.the.caller")

    apis.update_api_applications(api_id, applications(id=client_id))
    apis.add_api_application_scope(api_id, client_id, ids["read:apis"])

    theirs = acting_as(caller).apis_api
    told["may_read"] = theirs.get_apis()
    told["may_not_create"] = refusal(lambda: theirs.add_apis(new))

    apis.add_api_application_scope(api_id, client_id, ids["create:apis"])
    apis.delete_api_application_scope(api_id, client_id, ids["read:apis"])

    client = acting_as(caller)
    theirs = client.apis_api
    told["may_create"] = theirs.add_apis(new)
    told["may_not_read"] = refusal(theirs.get_apis)
    told["token"] = client.token_manager.get_access_token()
    return told


def wrong_secret() -> dict[str, str]:
    impostor = acting_as({**given["management"], "client_secret": given["wrong_secret"]})
    try:
        impostor.apis_api.get_apis()
    except Exception as error:  # noqa: BLE001 - the SDK raises no narrower one
        return {"message": str(error)}
    raise RuntimeError("not refused")


def main() -> None:
    apis = acting_as(given["management"]).apis_api
    tell({"work": work(apis), "delegation": delegation(apis), "wrong_secret": wrong_secret()})


if __name__ == "__main__":
    main()
