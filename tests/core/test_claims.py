"""What a token must say (RFC 7519 section 4.1): times to the second, issuers, audiences, types."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from typing import Any

import pytest

from kinde_guard import (
    ExpiredToken,
    GuardError,
    ImmatureToken,
    InvalidClaim,
    InvalidSignature,
    InvalidToken,
    KindeGuard,
    UnknownKey,
    WrongAudience,
    WrongIssuer,
)
from kinde_guard.verification.claims import ClaimsPolicy
from tests.core.conftest import MakeGuard
from tests.mint import (
    AUDIENCE,
    CLIENT_ID,
    ISSUER,
    NOW,
    OMIT,
    FrozenClock,
    KeyServer,
    SigningKey,
    Tenant,
    compact,
)

pytestmark = pytest.mark.anyio

CUSTOM = "https://account.acme.example"
NOT_NUMBERS: list[Any] = [None, True, False, str(NOW + 60), "", [NOW + 60], {"exp": NOW + 60}]
#: Numbers, but of no time that a calendar holds.
NO_TIMES: list[Any] = [10**30, 10**400, 1e300, -(10**30)]


async def verified(guard: KindeGuard, token: str) -> bool:
    """Tell whether the guard lets the token in; any refusal is a no, any other error stays one."""
    try:
        await guard.verify(token)
    except GuardError:
        return False
    return True


def _claim(name: str, value: Any) -> dict[str, Any]:
    return {name: value}


# --- exp, nbf, iat -------------------------------------------------------------------------------


@pytest.mark.parametrize("leeway", [0, 5, 300, 2.5])
async def test_now_just_before_exp_and_leeway_is_accepted(
    leeway: float, make_guard: MakeGuard, tenant: Tenant, clock: FrozenClock
) -> None:
    guard = make_guard(leeway=leeway)
    token = tenant.token(exp=NOW + 60)
    clock.now = NOW + 60 + leeway - 0.25
    assert await verified(guard, token)


@pytest.mark.parametrize("leeway", [0, 5, 300, 2.5])
async def test_now_at_exp_and_leeway_is_expired(
    leeway: float, make_guard: MakeGuard, tenant: Tenant, clock: FrozenClock
) -> None:
    guard = make_guard(leeway=leeway)
    token = tenant.token(exp=NOW + 60)
    clock.now = NOW + 60 + leeway
    with pytest.raises(ExpiredToken):
        await guard.verify(token)


async def test_default_leeway_is_five_seconds(
    guard: KindeGuard, tenant: Tenant, clock: FrozenClock
) -> None:
    token = tenant.token(exp=NOW + 60)
    clock.now = NOW + 64
    assert await verified(guard, token)
    clock.now = NOW + 65
    with pytest.raises(ExpiredToken):
        await guard.verify(token)


@pytest.mark.parametrize("claim", ["nbf", "iat"])
@pytest.mark.parametrize("leeway", [0, 5, 300])
async def test_start_at_the_edge_of_leeway_is_accepted(
    claim: str, leeway: float, make_guard: MakeGuard, tenant: Tenant
) -> None:
    guard = make_guard(leeway=leeway)
    assert await verified(guard, tenant.token(**_claim(claim, NOW + leeway)))


@pytest.mark.parametrize("claim", ["nbf", "iat"])
@pytest.mark.parametrize("leeway", [0, 5, 300])
async def test_start_one_second_beyond_leeway_is_immature(
    claim: str, leeway: float, make_guard: MakeGuard, tenant: Tenant
) -> None:
    guard = make_guard(leeway=leeway)
    with pytest.raises(ImmatureToken):
        await guard.verify(tenant.token(**_claim(claim, NOW + leeway + 1)))


async def test_immature_token_is_accepted_once_its_time_has_come(
    guard: KindeGuard, tenant: Tenant, clock: FrozenClock
) -> None:
    token = tenant.token(nbf=NOW + 60)
    assert not await verified(guard, token)
    clock.advance(60)
    assert await verified(guard, token)


async def test_times_with_fractions_are_numbers_too(guard: KindeGuard, tenant: Tenant) -> None:
    assert await verified(guard, tenant.token(exp=NOW + 0.5, iat=NOW - 0.5, nbf=NOW - 0.5))


@pytest.mark.parametrize("exp", [0, -1, -1.5, 1])
async def test_exp_long_ago_is_expired(exp: float, guard: KindeGuard, tenant: Tenant) -> None:
    with pytest.raises(ExpiredToken):
        await guard.verify(tenant.token(exp=exp))


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", NOT_NUMBERS, ids=repr)
async def test_time_that_is_no_number_gives_invalid_claim(
    claim: str, value: Any, guard: KindeGuard, tenant: Tenant
) -> None:
    with pytest.raises(InvalidClaim):
        await guard.verify(tenant.token(**{claim: value}))


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", NO_TIMES, ids=lambda value: str(value)[:8])
async def test_time_outside_every_calendar_is_refused(
    claim: str, value: Any, guard: KindeGuard, tenant: Tenant
) -> None:
    with pytest.raises(InvalidToken):
        await guard.verify(tenant.token(**{claim: value}))


FIRST_SECOND = int(datetime(1, 1, 1, tzinfo=UTC).timestamp())
LAST_SECOND = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())


async def test_first_and_last_second_of_the_calendar_are_times(
    guard: KindeGuard, tenant: Tenant
) -> None:
    raw = tenant.token(exp=LAST_SECOND, iat=FIRST_SECOND, nbf=FIRST_SECOND)
    token = await guard.verify(raw)
    assert token.expires_at == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert token.issued_at == datetime(1, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("value", [FIRST_SECOND - 1, LAST_SECOND + 1, LAST_SECOND + 0.5])
@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
async def test_second_before_or_after_the_calendar_gives_invalid_claim(
    claim: str, value: Any, guard: KindeGuard, tenant: Tenant
) -> None:
    with pytest.raises(InvalidClaim):
        await guard.verify(tenant.token(**{claim: value}))


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
@pytest.mark.parametrize("claim", ["exp", "nbf", "iat", "aud", "note"])
async def test_number_that_json_has_not_is_refused(
    claim: str, literal: str, guard: KindeGuard, tenant: Tenant
) -> None:
    rest = json.dumps(tenant.claims(**{claim: OMIT}))[1:-1]
    token = compact(tenant.header(), f'{{{rest},"{claim}":{literal}}}', tenant.key)
    with pytest.raises(InvalidToken):
        await guard.verify(token)


# --- what must be there --------------------------------------------------------------------------


@pytest.mark.parametrize("claim", ["exp", "iss", "aud"])
async def test_required_claim_missing_gives_invalid_claim(
    claim: str, guard: KindeGuard, tenant: Tenant
) -> None:
    with pytest.raises(InvalidClaim):
        await guard.verify(tenant.token(**{claim: OMIT}))


@pytest.mark.parametrize("claim", ["iat", "nbf", "sub", "azp", "jti", "scope", "scp", "gty", "v"])
async def test_optional_claim_missing_is_accepted(
    claim: str, guard: KindeGuard, tenant: Tenant
) -> None:
    assert await verified(guard, tenant.token(**{claim: OMIT}))


@pytest.mark.parametrize("value", [5, True, None, ["x"], {"x": 1}, 1.5], ids=repr)
@pytest.mark.parametrize("claim", ["iss", "sub", "azp", "jti", "org_code", "x-hasura-org-code"])
async def test_text_claim_of_another_type_gives_invalid_claim(
    claim: str, value: Any, guard: KindeGuard, tenant: Tenant
) -> None:
    with pytest.raises(InvalidClaim):
        await guard.verify(tenant.token(**{claim: value}))


@pytest.mark.parametrize("value", [None, True, "admin", 5, {"admin": True}, ["a", 5]], ids=repr)
async def test_permissions_of_another_type_are_none(
    value: Any, guard: KindeGuard, tenant: Tenant
) -> None:
    try:
        token = await guard.verify(tenant.token(permissions=value))
    except InvalidClaim:
        return
    assert token.permissions == frozenset()


# --- iss -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "issuer",
    [
        "https://evil.example",
        ISSUER + "/",
        ISSUER.upper(),
        ISSUER + " ",
        ISSUER + ".evil.example",
        ISSUER.replace("https", "http"),
        ISSUER + ":443",
        "acme.kinde.com",
        "",
    ],
)
async def test_issuer_that_is_not_exactly_ours_gives_wrong_issuer(
    issuer: str, guard: KindeGuard, tenant: Tenant
) -> None:
    with pytest.raises(WrongIssuer):
        await guard.verify(tenant.token(iss=issuer))


@pytest.fixture
def two_issuers(make_guard: MakeGuard, key_server: KeyServer, other_key: SigningKey) -> KindeGuard:
    key_server.publish(other_key, url=f"{CUSTOM}/.well-known/jwks")
    return make_guard(issuers=(CUSTOM,))


@pytest.fixture
def custom(other_key: SigningKey, clock: FrozenClock) -> Tenant:
    return Tenant(other_key, clock, issuer=CUSTOM)


async def test_token_of_each_issuer_is_accepted_with_its_own_key(
    two_issuers: KindeGuard, tenant: Tenant, custom: Tenant, key_server: KeyServer
) -> None:
    assert (await two_issuers.verify(tenant.token("a"))).issuer == ISSUER
    assert (await two_issuers.verify(custom.token("a"))).issuer == CUSTOM
    assert sorted(str(request.url) for request in key_server.requests) == [
        f"{CUSTOM}/.well-known/jwks",
        f"{ISSUER}/.well-known/jwks",
    ]


async def test_warm_fetches_the_keys_of_every_issuer(
    two_issuers: KindeGuard, tenant: Tenant, custom: Tenant, key_server: KeyServer
) -> None:
    await two_issuers.warm()
    assert key_server.fetches == 2
    await two_issuers.verify(tenant.token())
    await two_issuers.verify(custom.token())
    assert key_server.fetches == 2


async def test_key_of_one_issuer_does_not_sign_for_another(
    two_issuers: KindeGuard, tenant: Tenant, custom: Tenant
) -> None:
    await two_issuers.warm()
    for issuer, foreign in ((tenant, custom), (custom, tenant)):
        with pytest.raises(UnknownKey):
            await two_issuers.verify(issuer.token(key=foreign.key))


async def test_key_of_one_issuer_under_the_kid_of_another_gives_invalid_signature(
    two_issuers: KindeGuard, tenant: Tenant, custom: Tenant
) -> None:
    await two_issuers.warm()
    for issuer, foreign in ((tenant, custom), (custom, tenant)):
        forger = foreign.key.renamed(issuer.key.kid)
        with pytest.raises(InvalidSignature):
            await two_issuers.verify(issuer.token(key=forger))


async def test_two_issuers_with_the_same_kid_keep_their_keys_apart(
    make_guard: MakeGuard, key_server: KeyServer, tenant: Tenant, custom: Tenant
) -> None:
    same = custom.key.renamed(tenant.key.kid)
    key_server.publish(same, url=f"{CUSTOM}/.well-known/jwks")
    guard = make_guard(issuers=(CUSTOM,))

    assert await verified(guard, tenant.token())
    assert await verified(guard, custom.token(key=same))
    with pytest.raises(InvalidSignature):
        await guard.verify(tenant.token(key=same))
    with pytest.raises(InvalidSignature):
        await guard.verify(custom.token(key=tenant.key))


async def test_third_issuer_is_refused_whoever_signed(
    two_issuers: KindeGuard, tenant: Tenant, custom: Tenant
) -> None:
    await two_issuers.warm()
    for signer in (tenant, custom):
        with pytest.raises(InvalidToken):
            await two_issuers.verify(signer.token(iss="https://evil.example"))


async def test_issuer_named_in_the_token_is_never_asked_for_keys(
    two_issuers: KindeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    assert not await verified(two_issuers, tenant.token(iss="https://evil.example"))
    assert not await verified(two_issuers, tenant.token(iss="http://169.254.169.254"))
    hosts = {request.url.host for request in key_server.requests}
    assert hosts <= {"acme.kinde.com", "account.acme.example"}


async def test_outage_of_one_issuer_leaves_the_other_alone(
    two_issuers: KindeGuard, tenant: Tenant, custom: Tenant, key_server: KeyServer
) -> None:
    del key_server.documents[f"{CUSTOM}/.well-known/jwks"]
    with pytest.raises(GuardError) as refusal:
        await two_issuers.verify(custom.token())
    assert refusal.value.reason == "keys_unavailable"
    assert await verified(two_issuers, tenant.token())


# --- aud -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "aud", [AUDIENCE, [AUDIENCE], ["https://other.example", AUDIENCE], [AUDIENCE, AUDIENCE]]
)
async def test_audience_that_holds_ours_is_accepted(
    aud: object, guard: KindeGuard, tenant: Tenant
) -> None:
    assert await verified(guard, tenant.token(aud=aud))


@pytest.mark.parametrize(
    "aud",
    [
        [],
        "",
        [""],
        "https://other.example",
        ["https://other.example"],
        AUDIENCE + "/",
        AUDIENCE + "/v2",
        AUDIENCE[:-1],
        AUDIENCE.upper(),
        f"{AUDIENCE} https://other.example",
        CLIENT_ID,
    ],
    ids=repr,
)
async def test_audience_without_ours_gives_wrong_audience(
    aud: object, guard: KindeGuard, tenant: Tenant
) -> None:
    with pytest.raises(WrongAudience):
        await guard.verify(tenant.token(aud=aud))


WRONG_AUD_TYPES: list[Any] = [
    None,
    True,
    5,
    {AUDIENCE: True},
    {},
    [AUDIENCE, 5],
    [[AUDIENCE]],
    [None],
]


@pytest.mark.parametrize("audience", [AUDIENCE, None])
@pytest.mark.parametrize("aud", WRONG_AUD_TYPES, ids=repr)
async def test_audience_of_another_type_gives_invalid_claim(
    aud: object, audience: str | None, make_guard: MakeGuard, tenant: Tenant
) -> None:
    with pytest.raises(InvalidClaim):
        await make_guard(audience=audience).verify(tenant.token(aud=aud))


@pytest.mark.parametrize("aud", ["api-one", "api-two", ["api-three", "api-two"]])
async def test_any_of_several_audiences_is_accepted(
    aud: object, make_guard: MakeGuard, tenant: Tenant
) -> None:
    guard = make_guard(audience=["api-one", "api-two"])
    assert await verified(guard, tenant.token(aud=aud))


async def test_none_of_several_audiences_gives_wrong_audience(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    with pytest.raises(WrongAudience):
        await make_guard(audience=["api-one", "api-two"]).verify(tenant.token(aud=["api"]))


@pytest.mark.parametrize("aud", [OMIT, [], "", "anything", ["any", "thing"]], ids=str)
async def test_explicit_none_as_audience_accepts_every_audience(
    aud: object, make_guard: MakeGuard, tenant: Tenant
) -> None:
    assert await verified(make_guard(audience=None), tenant.token(aud=aud))


@pytest.mark.parametrize("audience", [None, AUDIENCE, [AUDIENCE, CLIENT_ID]])
@pytest.mark.parametrize("aud", [ISSUER, [ISSUER], [ISSUER, AUDIENCE], [AUDIENCE, ISSUER]])
async def test_audience_that_holds_the_issuer_is_always_refused(
    aud: object, audience: object, make_guard: MakeGuard, tenant: Tenant
) -> None:
    with pytest.raises(WrongAudience):
        await make_guard(audience=audience).verify(tenant.token(aud=aud))


# --- other JWTs that the same keys sign ----------------------------------------------------------


@pytest.mark.parametrize("audience", [AUDIENCE, CLIENT_ID, None])
async def test_id_token_is_no_access_token(
    audience: str | None, make_guard: MakeGuard, tenant: Tenant
) -> None:
    with pytest.raises(WrongAudience):
        await make_guard(audience=audience).verify(tenant.id_token())


@pytest.mark.parametrize("audience", [AUDIENCE, None])
async def test_webhook_jwt_is_no_access_token(
    audience: str | None, make_guard: MakeGuard, tenant: Tenant
) -> None:
    with pytest.raises(InvalidClaim):
        await make_guard(audience=audience).verify(tenant.webhook_jwt())


async def test_webhook_jwt_does_not_become_an_access_token_by_an_exp(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    with pytest.raises(InvalidClaim):
        await make_guard(audience=None).verify(tenant.webhook_jwt(exp=NOW + 60))


async def test_user_access_token_is_accepted(guard: KindeGuard, tenant: Tenant) -> None:
    token = await guard.verify(tenant.user_token("openid", "email"))
    assert token.scopes == {"openid", "email"}
    assert not token.is_machine


async def test_user_access_token_without_an_api_is_refused(
    guard: KindeGuard, tenant: Tenant
) -> None:
    with pytest.raises(WrongAudience):
        await guard.verify(tenant.user_token("openid", aud=[]))


async def test_kinde_example_with_nothing_granted_has_no_scopes(
    guard: KindeGuard, tenant: Tenant
) -> None:
    token = await guard.verify(tenant.token(scope="", scp=[]))
    assert token.scopes == frozenset()


def test_policy_of_a_guard_is_what_its_settings_say(make_guard: MakeGuard) -> None:
    guard = make_guard(issuers=(CUSTOM,), audience=["api-one", "api-two"], leeway=7)
    assert guard.verifier.policy == ClaimsPolicy(
        issuers=frozenset({ISSUER, CUSTOM}),
        audience=frozenset({"api-one", "api-two"}),
        leeway=7,
    )
    assert make_guard(audience=None).verifier.policy.audience is None


def test_policy_cannot_be_changed() -> None:
    policy = ClaimsPolicy(frozenset({ISSUER}), frozenset({AUDIENCE}), 5)
    for name in ("issuers", "audience", "leeway"):
        with pytest.raises(FrozenInstanceError):
            setattr(policy, name, None)
