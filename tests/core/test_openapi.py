"""The OpenAPI document tells the truth: schemes, scopes, answers, and nothing the guard added."""

from __future__ import annotations

import copy
import json
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel

from kinde_guard import (
    AccessToken,
    ConfigurationError,
    KindeGuard,
    KindeGuardMiddleware,
    current_token,
    kinde_webhook,
    require_any_scope,
    require_scopes,
)
from tests.core.conftest import MakeGuard, add_routes
from tests.core.exchange import call
from tests.mint import AUDIENCE, ISSUER, Json

pytestmark = pytest.mark.anyio

PROBLEM = "application/problem+json"


def schemes(document: Json, kind: str) -> dict[str, Json]:
    """Return the security schemes of one kind by name."""
    found = document.get("components", {}).get("securitySchemes", {})
    return {name: scheme for name, scheme in found.items() if scheme["type"] == kind}


def catalogue(document: Json) -> Json:
    (scheme,) = schemes(document, "http").values()
    scopes: Json = scheme["x-scopes"]
    return scopes


def alternatives(document: Json, operation: Json) -> set[frozenset[str]]:
    """Return the sets of scopes of which one is enough, as the bearer scheme states them."""
    (name,) = schemes(document, "http")
    return {frozenset(item[name]) for item in operation.get("security", []) if name in item}


def resolve(document: Json, schema: Json) -> Json:
    if "$ref" not in schema:
        return schema
    target: Any = document
    for step in schema["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return dict(target)


def operations(document: Json) -> dict[str, Json]:
    return {
        f"{method} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


# --- the scheme ----------------------------------------------------------------------------------


def test_nothing_is_offered_that_cannot_work_in_a_browser(app: FastAPI) -> None:
    assert schemes(app.openapi(), "oauth2") == {}


def test_signing_in_from_the_docs_is_offered_with_a_client_id(guard: KindeGuard) -> None:
    app = add_routes(FastAPI())
    guard.install(app, docs_client_id="spa")
    document = app.openapi()
    scheme = schemes(document, "oauth2")["KindeSignIn"]
    assert scheme["flows"] == {
        "authorizationCode": {
            "authorizationUrl": f"{ISSUER}/oauth2/auth",
            "tokenUrl": f"{ISSUER}/oauth2/token",
            "scopes": scheme["flows"]["authorizationCode"]["scopes"],
        }
    }
    assert list(scheme["flows"]["authorizationCode"]["scopes"]) == ["openid", "profile", "email"]
    assert app.swagger_ui_init_oauth == {
        "clientId": "spa",
        "usePkceWithAuthorizationCodeGrant": True,
        "scopes": "openid profile email",
        "additionalQueryStringParams": {"audience": AUDIENCE},
    }
    security = operations(document)["get /users"]["security"]
    assert security == [{"KindeBearer": ["read:users"]}, {"KindeSignIn": []}]


def test_signing_in_from_the_docs_needs_an_audience(make_guard: MakeGuard) -> None:
    with pytest.raises(ConfigurationError, match="docs_client_id"):
        make_guard(audience=None).install(FastAPI(), docs_client_id="spa")


def test_document_of_version_3_0_has_what_that_version_allows(guard: KindeGuard) -> None:
    app = add_routes(FastAPI())
    app.openapi_version = "3.0.3"
    guard.install(app)
    document = app.openapi()
    assert operations(document)["get /users"]["security"] == [{"KindeBearer": []}]
    error = document["components"]["schemas"]["GuardProblem"]["properties"]["error"]
    assert (error["type"], error["nullable"]) == ("string", True)


def test_catalogue_of_scopes_is_what_the_routes_ask_for(app: FastAPI) -> None:
    scopes = catalogue(app.openapi())
    assert set(scopes) == {"read:users", "create:users", "read:roles", "openid"}
    assert all(isinstance(description, str) for description in scopes.values())


def test_token_can_be_pasted_into_the_docs(app: FastAPI) -> None:
    pasted = schemes(app.openapi(), "http")
    assert [scheme["scheme"] for scheme in pasted.values()] == ["bearer"]


def test_every_guarded_operation_can_be_called_with_a_pasted_token(app: FastAPI) -> None:
    document = app.openapi()
    (pasted,) = schemes(document, "http")
    for name, operation in operations(document).items():
        if name != "get /open":
            assert any(pasted in item for item in operation["security"])


# --- each operation ------------------------------------------------------------------------------

SECURITY: dict[str, set[frozenset[str]]] = {
    "get /users": {frozenset({"read:users"})},
    "post /users": {frozenset({"create:users", "read:users"})},
    "get /any": {frozenset({"read:users"}), frozenset({"read:roles"})},
    "get /me": {frozenset({"openid"})},
    "get /token": {frozenset()},
    "get /plain": {frozenset()},
}


@pytest.mark.parametrize(("name", "scopes"), SECURITY.items(), ids=list(SECURITY))
def test_operation_names_the_scopes_that_it_needs(
    name: str, scopes: set[frozenset[str]], app: FastAPI
) -> None:
    document = app.openapi()
    assert alternatives(document, operations(document)[name]) == scopes


@pytest.mark.parametrize("name", SECURITY)
def test_guarded_operation_never_offers_to_go_without_a_token(name: str, app: FastAPI) -> None:
    assert {} not in operations(app.openapi())[name]["security"]


def test_public_operation_has_no_security_and_promises_no_403(make_guard: MakeGuard) -> None:
    app = FastAPI()

    @app.get("/health")
    async def health() -> None:
        """Never called."""

    make_guard(public_paths=("/health",)).install(app)
    operation = operations(app.openapi())["get /health"]
    assert not operation.get("security")
    assert not {"403", "503"} & set(operation["responses"])


def test_public_operation_with_an_optional_token_may_go_without(app: FastAPI) -> None:
    operation = operations(app.openapi())["get /open"]
    assert {} in operation.get("security", [{}])
    assert "403" not in operation["responses"]


def test_public_operation_that_asks_for_scopes_names_them(make_guard: MakeGuard) -> None:
    app = add_routes(FastAPI())
    make_guard(public_paths=("/users",)).install(app)
    document = app.openapi()
    operation = operations(document)["get /users"]
    assert alternatives(document, operation) == {frozenset({"read:users"})}
    assert {} not in operation["security"]


def test_scopes_of_router_inclusion_and_route_add_up(guard: KindeGuard) -> None:
    router = APIRouter(dependencies=[Depends(require_scopes("router"))])

    @router.get("/x", dependencies=[Depends(require_scopes("route"))])
    async def handler(
        token: Annotated[AccessToken, Security(current_token, scopes=["security"])],
    ) -> None:
        """Never called."""

    app = FastAPI(dependencies=[Depends(require_scopes("app"))])
    app.include_router(router)
    guard.install(app)
    document = app.openapi()
    every = frozenset({"app", "router", "route", "security"})
    assert alternatives(document, operations(document)["get /x"]) == {every}
    assert set(catalogue(document)) == every


def test_all_and_any_together_give_every_combination(guard: KindeGuard) -> None:
    app = FastAPI(dependencies=[Depends(require_scopes("a"))])

    @app.get("/x", dependencies=[Depends(require_any_scope("b", "c"))])
    async def handler() -> None:
        """Never called."""

    guard.install(app)
    document = app.openapi()
    wanted = {frozenset({"a", "b"}), frozenset({"a", "c"})}
    assert alternatives(document, operations(document)["get /x"]) == wanted


# --- the answers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["401", "403", "503"])
@pytest.mark.parametrize("name", ["get /users", "post /users", "get /any", "get /me"])
def test_refusals_of_an_operation_with_scopes_are_described_with_their_schema(
    name: str, status: str, app: FastAPI
) -> None:
    document = app.openapi()
    response = operations(document)[name]["responses"][status]
    schema = resolve(document, response["content"][PROBLEM]["schema"])
    members = {"type", "title", "status", "detail", "error", "reason"}
    assert members <= set(schema["properties"])
    assert schema["type"] == "object"
    assert response["description"]


@pytest.mark.parametrize("status", ["401", "503"])
@pytest.mark.parametrize("name", ["get /token", "get /plain"])
def test_refusals_of_an_operation_without_scopes_are_described(
    name: str, status: str, app: FastAPI
) -> None:
    response = operations(app.openapi())[name]["responses"][status]
    assert list(response["content"]) == [PROBLEM]


async def test_real_refusals_fit_the_schema_that_is_promised(app: FastAPI) -> None:
    document = app.openapi()
    response = operations(document)["get /users"]["responses"]["401"]
    schema = resolve(document, response["content"][PROBLEM]["schema"])
    body = (await call(app, "/users")).json
    assert set(schema.get("required", [])) <= set(body) <= set(schema["properties"])


def test_answers_that_the_author_declared_are_kept(guard: KindeGuard) -> None:
    class Mine(BaseModel):
        mine: str

    app = FastAPI()
    declared: dict[int | str, dict[str, Any]] = {
        401: {"description": "My own words", "model": Mine},
        404: {"description": "No such user"},
        503: {"description": "Closed on Sundays"},
    }

    @app.get("/x", responses=declared, dependencies=[Depends(require_scopes("a"))])
    async def handler() -> None:
        """Never called."""

    guard.install(app)
    responses = operations(app.openapi())["get /x"]["responses"]
    assert responses["401"]["description"] == "My own words"
    assert "application/json" in responses["401"]["content"]
    assert responses["404"]["description"] == "No such user"
    assert responses["503"]["description"] == "Closed on Sundays"
    assert PROBLEM in responses["403"]["content"]


# --- nothing else --------------------------------------------------------------------------------


def _without_the_guards_part(document: Json) -> Json:
    """Take out what the guard may add: security, its answers, its schemes and its schema."""
    plain = copy.deepcopy(document)
    for operation in operations(plain).values():
        operation.pop("security", None)
        for status in ("401", "403", "503"):
            operation["responses"].pop(status, None)
    components = plain.get("components", {})
    components.pop("securitySchemes", None)
    schemas = components.get("schemas", {})
    for name in [name for name in schemas if "Problem" in name]:
        del schemas[name]
    if not schemas:
        plain.pop("components", None)
    return plain


def test_guard_adds_no_parameter_no_body_and_nothing_else(app: FastAPI) -> None:
    bare = FastAPI()

    @bare.get("/users")
    async def list_users() -> dict[str, str]:
        return {}

    @bare.post("/users")
    async def create_user(name: dict[str, str] | None = None) -> dict[str, Any]:
        return {}

    @bare.get("/any")
    async def any_scope() -> dict[str, Any]:
        return {}

    @bare.get("/me")
    async def me() -> dict[str, Any]:
        return {}

    @bare.get("/token")
    async def whoami() -> dict[str, Any]:
        return {}

    @bare.get("/plain")
    async def plain() -> dict[str, str]:
        return {}

    @bare.get("/open")
    async def open_route() -> dict[str, Any]:
        return {}

    assert _without_the_guards_part(app.openapi()) == bare.openapi()


def test_document_of_an_unguarded_app_gains_no_parameters_by_the_requirements() -> None:
    document = add_routes(FastAPI()).openapi()
    for name, operation in operations(document).items():
        assert "parameters" not in operation
        assert ("requestBody" in operation) == (name == "post /users")


def test_middleware_by_hand_leaves_the_document_alone(guard: KindeGuard) -> None:
    app = add_routes(FastAPI())
    before = json.dumps(add_routes(FastAPI()).openapi())
    app.add_middleware(KindeGuardMiddleware, guard=guard)
    assert json.dumps(app.openapi()) == before


def test_document_is_the_same_each_time_it_is_asked_for(app: FastAPI) -> None:
    first = copy.deepcopy(app.openapi())
    assert app.openapi() == first


def test_document_is_json_and_has_no_dangling_references(app: FastAPI) -> None:
    document = json.loads(json.dumps(app.openapi()))
    text = json.dumps(document)
    for part in text.split('"$ref": "')[1:]:
        assert resolve(document, {"$ref": part.split('"')[0]})


def test_routes_added_after_install_are_in_the_document(guard: KindeGuard) -> None:
    app = FastAPI()
    guard.install(app)

    @app.get("/late", dependencies=[Depends(require_scopes("late"))])
    async def late() -> None:
        """Never called."""

    document = app.openapi()
    assert alternatives(document, operations(document)["get /late"]) == {frozenset({"late"})}
    assert set(catalogue(document)) == {"late"}


def test_document_that_the_author_makes_is_completed_not_replaced(guard: KindeGuard) -> None:
    app = add_routes(FastAPI())
    made = app.openapi

    def mine() -> Json:
        document = made()
        document["info"]["x-mine"] = "kept"
        return document

    app.openapi = mine  # type: ignore[method-assign]
    guard.install(app)
    document = app.openapi()
    assert document["info"]["x-mine"] == "kept"
    wanted = {frozenset({"read:users"})}
    assert alternatives(document, operations(document)["get /users"]) == wanted


def test_operation_that_is_not_in_the_schema_stays_out(guard: KindeGuard) -> None:
    app = FastAPI()

    @app.get("/x", include_in_schema=False, dependencies=[Depends(require_scopes("hidden"))])
    async def handler() -> None:
        """Never called."""

    guard.install(app)
    assert operations(app.openapi()) == {}


def test_app_without_routes_has_a_document(guard: KindeGuard) -> None:
    app = FastAPI()
    guard.install(app)
    assert app.openapi()["paths"] == {}


def test_schemes_that_the_author_declared_are_kept(guard: KindeGuard) -> None:
    app = FastAPI()
    dependencies = [Depends(APIKeyHeader(name="x-key")), Depends(require_scopes("a"))]

    @app.get("/x", dependencies=dependencies)
    async def handler() -> None:
        """Never called."""

    guard.install(app)
    document = app.openapi()
    (name,) = schemes(document, "apiKey")
    assert schemes(document, "http")
    # Both are needed, so every alternative has to name the author's scheme beside the guard's.
    assert all(name in item for item in operations(document)["get /x"]["security"])


async def test_docs_page_is_served_with_the_document(app: FastAPI) -> None:
    page = await call(app, "/docs")
    assert page.status == 200
    assert "/openapi.json" in page.body.decode()
    served = await call(app, "/openapi.json")
    assert served.json == json.loads(json.dumps(app.openapi()))


def webhook_app(make_guard: MakeGuard, **options: Any) -> FastAPI:
    app, guard = FastAPI(), make_guard(public_paths=["POST /hooks"])

    @app.post("/hooks", dependencies=[Depends(kinde_webhook(guard))], **options)
    async def hooks() -> None: ...

    guard.install(app)
    return app


def test_webhook_documents_its_body_and_its_refusals(make_guard: MakeGuard) -> None:
    app = webhook_app(make_guard)
    operation = app.openapi()["paths"]["/hooks"]["post"]
    assert operation["requestBody"] == {
        "description": "A webhook event of Kinde: one signed JWT.",
        "required": True,
        "content": {"application/jwt": {"schema": {"type": "string", "format": "jwt"}}},
    }
    problem = {"$ref": "#/components/schemas/GuardProblem"}
    described = {status: operation["responses"][status] for status in ("401", "413", "415", "503")}
    for response in described.values():
        assert response["content"] == {"application/problem+json": {"schema": problem}}
    assert list(described["401"]["headers"]) == ["WWW-Authenticate"]
    assert list(described["503"]["headers"]) == ["Retry-After"]
    assert "headers" not in described["413"]
    assert "headers" not in described["415"]
    assert "security" not in operation
    assert "403" not in operation["responses"]
    json.dumps(app.openapi())


def test_webhook_keeps_the_responses_that_the_author_declared(make_guard: MakeGuard) -> None:
    app = webhook_app(make_guard, responses={413: {"description": "Mine."}})
    responses = app.openapi()["paths"]["/hooks"]["post"]["responses"]
    assert responses["413"] == {"description": "Mine."}
