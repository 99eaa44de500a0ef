"""AccessToken: typed facts of one verified token, which nobody can change or leak."""

from __future__ import annotations

import copy
import inspect
import json
import logging
import pickle
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI

from kinde_guard import AccessToken, KindeGuard
from tests.mint import AUDIENCE, CLIENT_ID, ISSUER, NOW, OMIT, Tenant

pytestmark = pytest.mark.anyio


async def test_machine_token_gives_its_facts(guard: KindeGuard, tenant: Tenant) -> None:
    raw = tenant.token("read:users", "create:users", org_code="org_1", permissions=["p:1", "p:2"])
    token = await guard.verify(raw)

    assert token.subject is None
    assert token.client_id == CLIENT_ID
    assert token.principal == CLIENT_ID
    assert token.issuer == ISSUER
    assert token.audience == (AUDIENCE,)
    assert token.scopes == frozenset({"read:users", "create:users"})
    assert isinstance(token.scopes, frozenset)
    assert token.permissions == frozenset({"p:1", "p:2"})
    assert isinstance(token.permissions, frozenset)
    assert token.org_code == "org_1"
    assert token.is_machine is True
    assert token.issued_at == datetime.fromtimestamp(NOW, UTC)
    assert token.expires_at == datetime.fromtimestamp(NOW + 86_400, UTC)
    assert token.expires_at.utcoffset() is not None
    assert token.token_id == "0d5c2a1e-7f6b-4a39-9a52-6e0d0e0f1a2b"
    assert token.raw == raw


async def test_user_token_gives_its_facts(guard: KindeGuard, tenant: Tenant) -> None:
    token = await guard.verify(tenant.user_token("openid"))

    assert token.subject == "kp_0ba7c433e5d648cf992621ce99d42817"
    assert token.principal == "kp_0ba7c433e5d648cf992621ce99d42817"
    assert token.client_id == CLIENT_ID
    assert token.is_machine is False
    assert token.permissions == frozenset()
    assert token.org_code is None


async def test_token_without_optional_claims_gives_none(guard: KindeGuard, tenant: Tenant) -> None:
    bare = dict.fromkeys(["azp", "gty", "iat", "jti", "scope", "scp", "v"], OMIT)
    token = await guard.verify(tenant.token(**bare))

    assert token.subject is None
    assert token.client_id is None
    assert token.principal is None
    assert token.issued_at is None
    assert token.token_id is None
    assert token.scopes == frozenset()


@pytest.mark.parametrize(
    ("changes", "machine"),
    [
        ({}, True),
        ({"gty": OMIT}, True),
        ({"gty": OMIT, "sub": "kp_1"}, False),
        ({"gty": ["client_credentials"], "sub": "kp_1"}, True),
        ({"gty": ["authorization_code"], "sub": "kp_1"}, False),
    ],
)
async def test_is_machine_tells_by_gty_or_a_missing_subject(
    changes: dict[str, Any], machine: bool, guard: KindeGuard, tenant: Tenant
) -> None:
    # Kinde: "gty" holds client_credentials, or there is no "sub".
    assert (await guard.verify(tenant.token(**changes))).is_machine is machine


@pytest.mark.parametrize(
    ("aud", "audience"), [(AUDIENCE, (AUDIENCE,)), ([AUDIENCE, "x"], (AUDIENCE, "x"))]
)
async def test_audience_is_a_tuple_whatever_the_claim(
    aud: object, audience: tuple[str, ...], guard: KindeGuard, tenant: Tenant
) -> None:
    assert (await guard.verify(tenant.token(aud=aud))).audience == audience


async def test_claims_hold_every_claim_as_it_came(guard: KindeGuard, tenant: Tenant) -> None:
    flags = {"theme": {"t": "s", "v": "dark"}}
    token = await guard.verify(tenant.token("a", feature_flags=flags, roles=[{"key": "admin"}]))

    assert token.claims == tenant.claims("a", feature_flags=flags, roles=[{"key": "admin"}])
    assert isinstance(token.claims, Mapping)
    assert json.loads(json.dumps(token.claims["feature_flags"])) == flags


FIELDS = [
    "claims",
    "subject",
    "client_id",
    "principal",
    "issuer",
    "audience",
    "scopes",
    "permissions",
    "org_code",
    "is_machine",
    "kind",
    "key_id",
    "roles",
    "features",
    "issued_at",
    "expires_at",
    "token_id",
    "raw",
]


@pytest.mark.parametrize("name", [*FIELDS, "is_authenticated", "brand_new"])
async def test_attribute_cannot_be_set_or_deleted(
    name: str, guard: KindeGuard, tenant: Tenant
) -> None:
    token = await guard.verify(tenant.token("a"))
    with pytest.raises((AttributeError, TypeError)):
        setattr(token, name, "changed")
    with pytest.raises((AttributeError, TypeError)):
        delattr(token, name)
    assert token.scopes == {"a"}


async def test_token_has_slots_and_no_dict(guard: KindeGuard, tenant: Tenant) -> None:
    assert not hasattr(await guard.verify(tenant.token()), "__dict__")


async def test_claims_cannot_be_changed(guard: KindeGuard, tenant: Tenant) -> None:
    token = await guard.verify(tenant.token("a"))
    with pytest.raises(TypeError):
        token.claims["scope"] = "b"  # type: ignore[index]
    assert not hasattr(token.claims, "update")


async def test_change_of_a_nested_claim_does_not_reach_the_next_request(
    guard: KindeGuard, tenant: Tenant
) -> None:
    raw = tenant.token("a", feature_flags={"x": {"v": False}}, permissions=["p:1"], roles=[])
    first = await guard.verify(raw)
    _spoil(first.claims["feature_flags"]["x"], "v", True)
    _spoil(first.claims["permissions"], 0, "p:admin")
    _spoil(first.claims["aud"], 0, "elsewhere")
    for name in ("permissions", "roles"):
        if hasattr(first.claims[name], "append"):
            first.claims[name].append("admin")

    second = await guard.verify(raw)
    assert second.claims["feature_flags"]["x"]["v"] is False
    assert list(second.claims["permissions"]) == ["p:1"]
    assert list(second.claims["roles"]) == []
    assert second.permissions == {"p:1"}
    assert second.audience == (AUDIENCE,)


def _spoil(container: Any, at: Any, value: object) -> None:
    """Change a nested value where it can be changed; where it cannot, so much the better."""
    try:
        container[at] = value
    except TypeError:
        return


async def test_raw_token_is_in_no_text_of_the_token(
    guard: KindeGuard, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    raw = tenant.token("a")
    token = await guard.verify(raw)
    logging.getLogger("an.app").warning("user %s %r", token, token)

    for text in (repr(token), str(token), f"{token}", ascii(token), caplog.text):
        assert raw not in text
        assert raw.split(".")[1] not in text
        assert raw.split(".")[2] not in text


async def test_token_serves_as_a_starlette_user(guard: KindeGuard, tenant: Tenant) -> None:
    token = await guard.verify(tenant.token("a", sub="kp_1"))
    assert token.is_authenticated is True
    assert token.identity == "kp_1"
    assert isinstance(token.display_name, str)


async def test_token_made_by_hand_reads_its_claims() -> None:
    token = AccessToken({"sub": "kp_1", "iss": ISSUER, "exp": NOW, "scp": ["a"]})
    assert token.subject == "kp_1"
    assert token.scopes == {"a"}
    assert token.raw == ""


async def test_token_made_by_hand_does_not_follow_its_source() -> None:
    claims: dict[str, Any] = {"iss": ISSUER, "exp": NOW, "scope": "a"}
    token = AccessToken(claims)
    claims["scope"] = "admin"
    assert token.scopes == {"a"}
    assert token.claims["scope"] == "a"


async def test_copies_of_a_token_are_the_same_facts_or_refused(
    guard: KindeGuard, tenant: Tenant
) -> None:
    token = await guard.verify(tenant.token("a"))
    for duplicate in (copy.copy, copy.deepcopy, _pickled):
        try:
            twin = duplicate(token)
        except TypeError:
            continue
        assert twin.scopes == {"a"}


def _pickled(token: AccessToken) -> Any:
    return pickle.loads(pickle.dumps(token))


def test_token_as_a_parameter_without_depends_fails_at_import() -> None:
    app = FastAPI()

    async def handler(token: AccessToken) -> None:
        """Never registered."""

    with pytest.raises(Exception, match=r"(?i)invalid args|AccessToken|pydantic"):
        app.get("/me")(handler)
    with pytest.raises(Exception, match=r"(?i)invalid args|AccessToken|pydantic"):
        app.post("/me")(handler)


def test_settings_of_the_guard_are_keyword_only() -> None:
    parameters = list(inspect.signature(KindeGuard).parameters.values())
    assert parameters[0].name == "domain"
    by_name = {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}
    assert {parameter.kind for parameter in parameters[1:]} <= by_name
    with pytest.raises(TypeError):
        KindeGuard("acme.kinde.com", "https://api.acme.example")  # type: ignore[call-arg]


# --- kind, roles, features -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "machine"),
        ({"gty": OMIT}, "machine"),
        ({"gty": OMIT, "sub": ""}, "machine"),
        ({"gty": OMIT, "sub": "kp_1"}, "user"),
        ({"gty": ["authorization_code"], "sub": "kp_1"}, "user"),
        ({"gty": ["client_credentials"], "sub": "kp_1"}, "machine"),
        ({"gty": "client_credentials", "sub": "kp_1"}, "machine"),
        ({"gty": None, "sub": "kp_1"}, "user"),
    ],
)
async def test_kind_tells_by_subject_and_gty(
    changes: dict[str, Any], kind: str, guard: KindeGuard, tenant: Tenant
) -> None:
    token = await guard.verify(tenant.token(**changes))
    assert (token.kind, token.is_machine, token.key_id) == (kind, kind == "machine", None)
    assert f"of kind {kind}" in repr(token)


ROLE = {"id": "role_1", "key": "admin", "name": "Administrator"}


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({}, set()),
        ({"roles": [ROLE, {**ROLE, "key": "editor"}]}, {"admin", "editor"}),
        ({"roles": ["admin", "editor"]}, {"admin", "editor"}),
        ({"roles": "admin  editor"}, {"admin", "editor"}),
        ({"x-hasura-roles": [ROLE]}, {"admin"}),
        ({"x-hasura-roles": "admin"}, {"admin"}),
        ({"roles": [], "x-hasura-roles": [ROLE]}, set()),
        ({"roles": ""}, set()),
        ({"roles": None}, set()),
        ({"roles": True}, set()),
        ({"roles": 5}, set()),
        ({"roles": {"key": "admin"}}, set()),
        ({"roles": [{"name": "admin"}]}, set()),
        ({"roles": [{"key": ["admin"]}]}, set()),
        ({"roles": [ROLE, 5]}, set()),
        ({"roles": [["admin"]]}, set()),
    ],
)
async def test_roles_are_keys_and_none_where_the_claim_is_odd(
    claims: dict[str, Any], roles: set[str], guard: KindeGuard, tenant: Tenant
) -> None:
    token = await guard.verify(tenant.user_token(**claims))
    assert token.roles == roles
    assert isinstance(token.roles, frozenset)


@pytest.mark.parametrize(
    ("claims", "features"),
    [
        ({}, {}),
        ({"feature_flags": {"beta": {"t": "b", "v": True}}}, {"beta": True}),
        ({"feature_flags": {"beta": {"t": "b", "v": False}}}, {"beta": False}),
        ({"feature_flags": {"n": {"t": "i", "v": 0}, "s": {"t": "s", "v": ""}}}, {"n": 0, "s": ""}),
        ({"feature_flags": {"o": {"t": "object", "v": {"a": [1]}}}}, {"o": {"a": [1]}}),
        ({"feature_flags": {"o": {"t": "b", "v": None}}}, {"o": None}),
        ({"x-hasura-feature-flags": {"beta": {"t": "b", "v": True}}}, {"beta": True}),
        ({"feature_flags": {}, "x-hasura-feature-flags": {"a": {"v": 1}}}, {}),
        ({"feature_flags": {"a": True, "b": {"t": "b"}, "c": [], "d": {"v": 1}}}, {"d": 1}),
        ({"feature_flags": [{"key": "beta", "v": True}]}, {}),
        ({"feature_flags": "beta"}, {}),
        ({"feature_flags": None}, {}),
    ],
    ids=repr,
)
async def test_features_are_values_and_odd_flags_are_left_out(
    claims: dict[str, Any], features: dict[str, Any], guard: KindeGuard, tenant: Tenant
) -> None:
    token = await guard.verify(tenant.user_token(**claims))
    assert dict(token.features) == features
    with pytest.raises(TypeError):
        token.features["beta"] = True  # type: ignore[index]


async def test_permissions_of_hasura_are_read_where_the_plain_claim_is_absent(
    guard: KindeGuard, tenant: Tenant
) -> None:
    mapped = {"x-hasura-permissions": ["p:1"]}
    assert (await guard.verify(tenant.user_token(**mapped))).permissions == {"p:1"}
    both = await guard.verify(tenant.user_token(permissions=[], **mapped))
    assert both.permissions == frozenset()


# --- API keys ------------------------------------------------------------------------------------

KEY_CLAIMS: dict[str, Any] = {
    "key_id": "api_key_1",
    "user_id": "kp_1",
    "org_code": "org_1",
    "scopes": ["a"],
    "exp": NOW,
    "iat": NOW,
    "azp": CLIENT_ID,
    "aud": AUDIENCE,
}


def test_api_key_of_a_user_gives_its_facts() -> None:
    key = AccessToken.of_api_key(KEY_CLAIMS, frozenset({"a"}))
    assert isinstance(key, AccessToken)
    assert (key.kind, key.key_id, key.subject, key.principal, key.org_code) == (
        "api_key",
        "api_key_1",
        "kp_1",
        "kp_1",
        "org_1",
    )
    assert (key.client_id, key.token_id, key.issuer) == (None, None, None)
    assert (key.issued_at, key.expires_at, key.audience) == (None, None, ())
    assert (key.raw, key.is_machine) == ("", False)
    assert key.scopes == {"a"}
    assert (key.permissions, key.roles) == (frozenset(), frozenset())
    assert dict(key.features) == {}
    assert dict(key.claims) == KEY_CLAIMS
    assert (key.is_authenticated, key.identity, key.display_name) == (True, "kp_1", "kp_1")


@pytest.mark.parametrize("user", [None, "", 5, OMIT], ids=repr)
@pytest.mark.parametrize("organization", [None, "", OMIT], ids=repr)
def test_api_key_without_a_user_is_a_machine_and_its_principal_is_the_key(
    user: object, organization: object
) -> None:
    claims = {"key_id": "api_key_1", "user_id": user, "org_code": organization}
    claims = {name: value for name, value in claims.items() if value is not OMIT}
    key = AccessToken.of_api_key(claims, frozenset())
    assert (key.is_machine, key.principal, key.subject) == (True, "api_key_1", None)
    assert key.org_code is None
    assert (key.kind, key.identity) == ("api_key", "api_key_1")


@pytest.mark.parametrize("name", [*FIELDS, "brand_new"])
def test_attribute_of_an_api_key_cannot_be_set(name: str) -> None:
    key = AccessToken.of_api_key(KEY_CLAIMS, frozenset({"a"}))
    with pytest.raises(AttributeError):
        setattr(key, name, "changed")
    assert not hasattr(key, "__dict__")
    assert copy.copy(key) is key
    with pytest.raises(TypeError):
        pickle.dumps(key)
