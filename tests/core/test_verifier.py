"""The verification pipeline: the order of its checks, people's scopes, and revocations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from kinde_guard import (
    ExpiredToken,
    GuardError,
    InvalidClaim,
    InvalidSignature,
    KindeGuard,
    MalformedToken,
    UnknownKey,
    UnsupportedAlgorithm,
    WrongIssuer,
)
from kinde_guard.vocabulary.errors import RevocationsUnavailable, RevokedToken
from tests.core.conftest import MakeGuard
from tests.mint import (
    KID,
    NOW,
    OMIT,
    FrozenClock,
    KeyServer,
    SigningKey,
    Tenant,
    b64url,
    compact,
)

pytestmark = pytest.mark.anyio

OTHER_ISSUER = "https://account.acme.example"
NO_JSON = b"[[{}]" * 99


# --- order ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "signed", "error"),
    [
        ({"alg": "none"}, True, UnsupportedAlgorithm),
        ({"alg": "HS256"}, True, UnsupportedAlgorithm),
        ({"alg": "none", "typ": "other"}, True, MalformedToken),
        ({"kid": "unknown"}, True, UnknownKey),
        ({}, False, InvalidSignature),
        ({}, True, MalformedToken),
    ],
)
async def test_payload_is_not_read_before_the_signature_is_verified(
    header: dict[str, Any],
    signed: bool,
    error: type[GuardError],
    guard: KindeGuard,
    tenant: Tenant,
    other_key: SigningKey,
) -> None:
    key = tenant.key if signed else other_key
    with pytest.raises(error):
        await guard.verify(compact(tenant.header(**header), NO_JSON, key))


@pytest.mark.parametrize(
    "filling",
    [
        '"x":[' + ",".join(["{}"] * 64) + "]",
        '"x":[' + ",".join(["1"] * 257) + "]",
        '"x":"' + "\\n" * 257 + '"',
        '"x":' + "1" * 501,
    ],
    ids=["containers", "members", "escapes", "integer"],
)
async def test_header_that_is_costly_to_parse_gives_malformed_token(
    filling: str, guard: KindeGuard, tenant: Tenant
) -> None:
    header = f'{{"alg":"RS256","kid":"{KID}",{filling}}}'
    with pytest.raises(MalformedToken):
        await guard.verify(compact(header, tenant.claims(), tenant.key))


async def test_header_with_a_chain_of_certificates_is_read(
    guard: KindeGuard, tenant: Tenant
) -> None:
    header = {"x5c": [b64url(b"certificate" * 100)] * 3, "jwk": {"kty": "RSA"}}
    assert (await guard.verify(tenant.token("a", header=header))).scopes == {"a"}


@pytest.mark.parametrize("value", [None, {}, {"jkt": "x"}, "x", False, 0], ids=repr)
async def test_cnf_of_any_kind_gives_invalid_claim(
    value: object, guard: KindeGuard, tenant: Tenant
) -> None:
    with pytest.raises(InvalidClaim):
        await guard.verify(tenant.token("a", cnf=value))


@pytest.mark.parametrize("as_list", [True, False])
async def test_1001_scopes_give_malformed_token_and_1000_do_not(
    as_list: bool, guard: KindeGuard, tenant: Tenant
) -> None:
    def token(count: int) -> str:
        names = [f"s{n}" for n in range(count)]
        return tenant.token(scope=names if as_list else " ".join(names), scp=OMIT)

    assert len((await guard.verify(token(1000))).scopes) == 1000
    with pytest.raises(MalformedToken):
        await guard.verify(token(1001))


# --- several issuers -----------------------------------------------------------------------------


@pytest.fixture
def other_tenant(other_key: SigningKey, clock: FrozenClock, key_server: KeyServer) -> Tenant:
    other = Tenant(other_key, clock, issuer=OTHER_ISSUER)
    key_server.publish(other_key, url=other.jwks_url)
    return other


@pytest.fixture
def guard_of_two(make_guard: MakeGuard, other_tenant: Tenant) -> KindeGuard:
    return make_guard(issuers=(other_tenant.issuer,))


async def test_token_of_each_issuer_is_verified_with_a_fetch_of_its_own_keys_only(
    guard_of_two: KindeGuard, tenant: Tenant, other_tenant: Tenant, key_server: KeyServer
) -> None:
    await guard_of_two.verify(other_tenant.token("a"))
    assert [str(request.url) for request in key_server.requests] == [other_tenant.jwks_url]
    await guard_of_two.verify(tenant.token("a"))
    assert [str(request.url) for request in key_server.requests][1:] == [tenant.jwks_url]


async def test_key_of_another_trusted_issuer_does_not_count(
    guard_of_two: KindeGuard, tenant: Tenant, other_tenant: Tenant
) -> None:
    await guard_of_two.warm()
    for claimed, signer in ((OTHER_ISSUER, tenant), (tenant.issuer, other_tenant)):
        for note in (None, f'"{signer.issuer}"', signer.issuer):
            with pytest.raises(UnknownKey):
                await guard_of_two.verify(signer.token("a", iss=claimed, note=note))


async def test_key_id_that_two_issuers_share_is_that_of_the_claimed_issuer(
    make_guard: MakeGuard,
    tenant: Tenant,
    other_key: SigningKey,
    clock: FrozenClock,
    key_server: KeyServer,
) -> None:
    twin = Tenant(other_key.renamed(KID), clock, issuer=OTHER_ISSUER)
    key_server.publish(twin.key, url=twin.jwks_url)
    guard = make_guard(issuers=(OTHER_ISSUER,))
    await guard.warm()
    assert (await guard.verify(twin.token("a"))).issuer == OTHER_ISSUER
    assert (await guard.verify(tenant.token("a"))).issuer == tenant.issuer
    for claimed, key in ((OTHER_ISSUER, tenant.key), (tenant.issuer, twin.key)):
        with pytest.raises(InvalidSignature):
            await guard.verify(tenant.token("a", iss=claimed, key=key))


@pytest.mark.parametrize("escape", [("/", "\\/"), ("https", "\\u0068ttps")], ids=["/", "u"])
async def test_issuer_in_another_spelling_is_the_same_issuer(
    escape: tuple[str, str], guard_of_two: KindeGuard, other_tenant: Tenant
) -> None:
    await guard_of_two.warm()
    payload = json.dumps(other_tenant.claims("a")).replace(*escape)
    token = await guard_of_two.verify(compact(other_tenant.header(), payload, other_tenant.key))
    assert token.issuer == OTHER_ISSUER


async def test_token_that_names_both_issuers_is_its_own_issuers(
    guard_of_two: KindeGuard, tenant: Tenant, other_tenant: Tenant
) -> None:
    await guard_of_two.warm()
    token = await guard_of_two.verify(other_tenant.token("a", note=tenant.issuer))
    assert token.issuer == OTHER_ISSUER


async def test_token_that_names_both_issuers_fetches_the_keys_of_the_claimed_one(
    guard_of_two: KindeGuard, tenant: Tenant, other_tenant: Tenant, key_server: KeyServer
) -> None:
    token = await guard_of_two.verify(other_tenant.token("a", note=tenant.issuer))
    assert token.issuer == OTHER_ISSUER
    assert [str(request.url) for request in key_server.requests] == [other_tenant.jwks_url]


async def test_untrusted_issuer_is_wrong_whatever_trusted_key_signed(
    guard_of_two: KindeGuard, tenant: Tenant, other_tenant: Tenant
) -> None:
    await guard_of_two.warm()
    with pytest.raises(WrongIssuer):
        await guard_of_two.verify(tenant.token(iss="https://evil.example"))
    with pytest.raises(UnknownKey):
        await guard_of_two.verify(other_tenant.token(iss="https://evil.example"))


# --- permissions as scopes -----------------------------------------------------------------------


@pytest.mark.parametrize("claim", ["permissions", "x-hasura-permissions"])
async def test_permissions_of_a_user_are_scopes_where_the_setting_is_on(
    claim: str, make_guard: MakeGuard, tenant: Tenant
) -> None:
    raw = tenant.user_token("openid", **{claim: ["read:users"]})
    guard = make_guard(permissions_as_scopes=True)
    for _ in range(2):
        assert (await guard.verify(raw)).scopes == {"openid", "read:users"}
    assert (await make_guard().verify(raw)).scopes == {"openid"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sub": "kp_1"},
        {"gty": "client_credentials", "sub": "kp_1"},
        {"gty": OMIT},
        {"gty": OMIT, "sub": ""},
    ],
    ids=repr,
)
async def test_permissions_of_a_machine_are_never_scopes(
    changes: dict[str, Any], make_guard: MakeGuard, tenant: Tenant
) -> None:
    guard = make_guard(permissions_as_scopes=True)
    raw = tenant.token("a", permissions=["read:users"], **changes)
    token = await guard.verify(raw)
    assert token.scopes == {"a"}
    assert token.kind == "machine"


@pytest.mark.parametrize("value", [None, 5, {"a": 1}, ["a", 5], "a"], ids=repr)
async def test_permissions_of_another_type_are_no_scopes(
    value: object, make_guard: MakeGuard, tenant: Tenant
) -> None:
    guard = make_guard(permissions_as_scopes=True)
    assert (await guard.verify(tenant.user_token("a", permissions=value))).scopes == {"a"}


# --- revocations ---------------------------------------------------------------------------------


class Snapshot:
    """Revoked subjects; counts how often it is asked."""

    def __init__(self, *subjects: str, error: type[GuardError] = RevokedToken) -> None:
        self.subjects = subjects
        self.error = error
        self.checks = 0

    def __len__(self) -> int:
        return 0  # An empty list is a list all the same.

    def check(self, claims: Mapping[str, Any]) -> None:
        self.checks += 1
        if claims.get("sub") in self.subjects:
            raise self.error


class Listed:
    """A list whose snapshot the test sets; ``waiting`` is had by waiting for it."""

    age = None

    def __init__(self, snapshot: Snapshot | None = None, waiting: Snapshot | None = None) -> None:
        self.snapshot = snapshot
        self.waiting = waiting
        self.awaited = 0

    async def current(self) -> Snapshot:
        self.awaited += 1
        if self.waiting is None:
            raise RevocationsUnavailable
        return self.waiting

    async def aclose(self) -> None:
        """Nothing is held open."""


async def test_revoked_token_is_refused_and_another_is_not(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    guard = make_guard(revocations=Listed(Snapshot("kp_1")))
    with pytest.raises(RevokedToken):
        await guard.verify(tenant.user_token("a", sub="kp_1"))
    assert (await guard.verify(tenant.user_token("a", sub="kp_2"))).scopes == {"a"}
    assert guard.stats.rejected == {"revoked_token": 1}


async def test_cached_token_is_checked_again_only_when_the_snapshot_is_another(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    first, second = Snapshot(), Snapshot()
    listed = Listed(first)
    guard = make_guard(revocations=listed)
    raw = tenant.user_token("a")
    for _ in range(3):
        await guard.verify(raw)
    assert first.checks == 1
    listed.snapshot = second
    for _ in range(3):
        await guard.verify(raw)
    assert (first.checks, second.checks, listed.awaited) == (1, 1, 0)
    assert (guard.stats.verified, guard.stats.cache_hits) == (6, 5)


@pytest.mark.parametrize("error", [RevokedToken, InvalidClaim])
async def test_cached_token_that_is_revoked_leaves_the_cache(
    error: type[GuardError], make_guard: MakeGuard, tenant: Tenant
) -> None:
    listed = Listed(Snapshot())
    guard = make_guard(revocations=listed)
    raw = tenant.user_token("a", sub="kp_1")
    await guard.verify(raw)
    listed.snapshot = Snapshot("kp_1", error=error)
    for _ in range(2):
        with pytest.raises(error):
            await guard.verify(raw)
    listed.snapshot = Snapshot()
    await guard.verify(raw)
    assert guard.stats.cache_hits == 0
    await guard.verify(raw)
    assert guard.stats.cache_hits == 1


async def test_snapshot_that_is_not_there_is_waited_for(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    listed = Listed(waiting=Snapshot("kp_1"))
    guard = make_guard(revocations=listed)
    raw = tenant.user_token("a", sub="kp_2")
    for _ in range(2):
        await guard.verify(raw)
    assert listed.awaited == 2
    assert listed.waiting is not None
    assert listed.waiting.checks == 1
    with pytest.raises(RevokedToken):
        await guard.verify(tenant.user_token("a", sub="kp_1"))


async def test_revocations_that_cannot_be_had_are_an_outage_and_no_verdict(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    listed = Listed(Snapshot())
    guard = make_guard(revocations=listed)
    raw = tenant.user_token("a")
    await guard.verify(raw)
    listed.snapshot = None
    for token in (raw, tenant.user_token("b")):
        with pytest.raises(RevocationsUnavailable) as refusal:
            await guard.verify(token)
        assert refusal.value.headers == {"Retry-After": "1"}
    listed.snapshot = Snapshot()
    await guard.verify(raw)
    assert guard.stats.cache_hits == 1


async def test_expired_or_forged_token_is_refused_before_revocations_are_asked(
    make_guard: MakeGuard, tenant: Tenant, other_key: SigningKey
) -> None:
    snapshot = Snapshot("kp_1")
    guard = make_guard(revocations=Listed(snapshot))
    with pytest.raises(ExpiredToken):
        await guard.verify(tenant.user_token(sub="kp_1", exp=NOW - 60))
    with pytest.raises(InvalidSignature):
        await guard.verify(tenant.user_token(sub="kp_1", key=other_key.renamed(KID)))
    assert snapshot.checks == 0
