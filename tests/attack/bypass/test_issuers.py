"""One party's token, or one issuer's key, passed off as another's."""

from __future__ import annotations

from typing import Any

import pytest

from kinde_guard import (
    InvalidClaim,
    InvalidSignature,
    KindeGuard,
    UnknownKey,
    WrongAudience,
    WrongIssuer,
)
from tests.attack.bypass.target import MakeGuard, Target
from tests.mint import (
    AUDIENCE,
    ISSUER,
    JWKS_URL,
    OMIT,
    FrozenClock,
    KeyServer,
    SigningKey,
    Tenant,
)

pytestmark = pytest.mark.anyio

OTHER_ISSUER = "https://login.acme.example"


@pytest.fixture
def other_tenant(other_key: SigningKey, clock: FrozenClock, key_server: KeyServer) -> Tenant:
    """A second issuer that the guard trusts, with keys of its own."""
    other = Tenant(other_key, clock, issuer=OTHER_ISSUER)
    key_server.publish(other_key, url=other.jwks_url)
    return other


@pytest.fixture
def two(make_guard: MakeGuard, other_tenant: Tenant) -> Target:
    return Target(make_guard(issuers=[other_tenant.issuer]))


async def test_key_of_one_issuer_signs_for_no_other(
    two: Target, tenant: Tenant, other_tenant: Tenant
) -> None:
    """A token that names one trusted issuer and is signed by another.

    Seen: get-jwks, CVE-2025-59936 (one cache of keys for all issuers).
    """
    await two.lets_in(token=tenant.token("read:users"))
    await two.lets_in(token=other_tenant.token("read:users"))
    forged = tenant.token("read:users", key=other_tenant.key)
    await two.refuses(UnknownKey, token=forged)
    forged = other_tenant.token("read:users", key=tenant.key)
    await two.refuses(UnknownKey, token=forged)


async def test_one_key_id_of_two_issuers_is_two_keys(
    two: Target, tenant: Tenant, other_tenant: Tenant, key_server: KeyServer
) -> None:
    """Two issuers whose different keys share an id, fetched in either order.

    Seen: get-jwks, CVE-2025-59936.
    """
    twin = other_tenant.key.renamed(tenant.key.kid)
    key_server.publish(twin, url=other_tenant.jwks_url)
    for forged in (tenant.token("read:users", key=twin), other_tenant.token(key=tenant.key)):
        await two.refuses(InvalidSignature, token=forged)
    await two.lets_in(token=other_tenant.token("read:users", key=twin))
    await two.lets_in(token=tenant.token("read:users"))
    for forged in (tenant.token("read:users", key=twin), other_tenant.token(key=tenant.key)):
        await two.refuses(InvalidSignature, token=forged)


@pytest.mark.parametrize("issuer", [OTHER_ISSUER, "https://evil.example", "http://[::1]:1"])
async def test_issuer_of_a_token_is_no_address_to_fetch_from(
    issuer: str, target: Target, tenant: Tenant, other_tenant: Tenant, key_server: KeyServer
) -> None:
    """A token whose issuer nobody configured, with a key set where the issuer says.

    Seen: get-jwks before 11.0.2 (the domain came from the token); OWASP, server-side request
    forgery.
    """
    token = other_tenant.token("read:users", iss=issuer)
    await target.refuses(UnknownKey, token=token)
    assert [str(request.url) for request in key_server.requests] == [JWKS_URL]


ISSUERS: dict[str, Any] = {
    "slash": f"{ISSUER}/",
    "prefix": ISSUER[:-1],
    "suffix": f"{ISSUER}.evil.example",
    "path": f"{ISSUER}/evil",
    "port": f"{ISSUER}:443",
    "upper-case": ISSUER.upper(),
    "host-alone": "acme.kinde.com",
    "http": ISSUER.replace("https", "http"),
    "user-info": "https://acme.kinde.com@evil.example",
    "query": f"{ISSUER}?",
    "fragment": f"{ISSUER}#",
    "space": f"{ISSUER} ",
    "line": f"{ISSUER}\n",
    "null": f"{ISSUER}\0",
    "look-alike": ISSUER.replace("a", "\u0430"),
    "dot": "https://acme.kinde.com.",
    "empty": "",
    "part": "kinde",
    "both": f"{OTHER_ISSUER} {ISSUER}",
}


@pytest.mark.parametrize("issuer", ISSUERS.values(), ids=ISSUERS)
async def test_issuer_is_compared_character_for_character(
    issuer: str, target: Target, tenant: Tenant
) -> None:
    """An issuer that begins, ends or looks like the right one, signed by the right key.

    Seen: PyJWT 2.10.0, CVE-2024-53861 (a part of the issuer was enough).
    """
    await target.refuses(WrongIssuer, token=tenant.token("read:users", iss=issuer))


@pytest.mark.parametrize("issuer", [OMIT, None, [ISSUER], [ISSUER, "x"], {"iss": ISSUER}, True, 1])
async def test_issuer_that_is_no_text_is_refused(
    issuer: object, target: Target, tenant: Tenant
) -> None:
    """An array of issuers with the right one among them, or no issuer at all.

    Seen: fast-jwt, CVE-2025-30144.
    """
    await target.refuses(InvalidClaim, token=tenant.token("read:users", iss=issuer))


AUDIENCES: dict[str, Any] = {
    "prefix": AUDIENCE[:-1],
    "suffix": f"{AUDIENCE}.evil.example",
    "slash": f"{AUDIENCE}/",
    "upper-case": AUDIENCE.upper(),
    "part": "api",
    "letter": "h",
    "empty": "",
    "several-in-one": f"{AUDIENCE} https://other.example",
    "comma": f"{AUDIENCE},https://other.example",
    "space": f" {AUDIENCE}",
    "list": [],
    "list-of-empty": [""],
    "list-of-parts": list(AUDIENCE),
    "list-of-other": ["https://other.example"],
    "wildcard": ["*"],
    "look-alike": [AUDIENCE.replace("a", "\u0430")],
}


@pytest.mark.parametrize("audience", AUDIENCES.values(), ids=AUDIENCES)
async def test_audience_is_compared_whole(audience: object, target: Target, tenant: Tenant) -> None:
    """A token for another API of the tenant, or for a part of this one's name, or for none.

    Seen: jwt-go, CVE-2020-26160 (an empty array passed); Azure Web PubSub, issue 600 (tokens for
    other APIs passed until 2023); fastmcp, pull request 1891.
    """
    await target.refuses(WrongAudience, token=tenant.token("read:users", aud=audience))


@pytest.mark.parametrize(
    "audience", [OMIT, None, True, 1, {AUDIENCE: 1}, [[AUDIENCE]], [AUDIENCE, 1], [None, AUDIENCE]]
)
async def test_audience_that_names_nobody_is_refused(
    audience: object, target: Target, tenant: Tenant
) -> None:
    """A token without an audience, or with one of another type that holds the right name.

    Seen: jwt-go, CVE-2020-26160.
    """
    await target.refuses(InvalidClaim, token=tenant.token("read:users", aud=audience))


@pytest.mark.parametrize("audience", [[AUDIENCE, ISSUER], [ISSUER], ISSUER])
@pytest.mark.parametrize("checked", [True, False])
async def test_token_for_the_issuer_itself_is_refused(
    checked: bool, audience: object, make_guard: MakeGuard, tenant: Tenant
) -> None:
    """A token that names the issuer as an audience beside this API, as ID tokens do.

    Seen: Kinde signs ID tokens with the same keys; RFC 9068, section 5 (confusion of tokens).
    """
    target = Target(make_guard(audience=AUDIENCE if checked else None))
    await target.refuses(WrongAudience, token=tenant.token("read:users", aud=audience))


async def test_token_for_one_api_is_refused_by_the_next(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    """One service's token replayed at another service of the same tenant.

    Seen: RFC 9700, section 2.3 (audience restriction); Azure Web PubSub, issue 600.
    """
    guards: list[KindeGuard] = [make_guard(), make_guard(audience="https://bills.acme.example")]
    own, other = (Target(guard) for guard in guards)
    token = tenant.token("read:users")
    await own.lets_in(token=token)
    await other.refuses(WrongAudience, token=token)
