"""Values to put where a token has others: the odd, the extreme, and the nearly right."""

from __future__ import annotations

from typing import Any, Final

from tests.attack.differential.stage import CUSTOM_ISSUER, LEEWAY, OTHER_AUDIENCE
from tests.mint import AUDIENCE, CLIENT_ID, ISSUER, KID, NOW, OMIT


def nested(depth: int, innermost: Any = 0) -> Any:
    """Return arrays within one another."""
    value = innermost
    for _ in range(depth):
        value = [value]
    return value


ANYTHING: Final[list[Any]] = [
    *(True, False, None, 0, 1, -1, 1.5, -0.0, 10**30, -(10**30), 10**400, 1e300, 5e-324),
    *("", " ", "x", "\x00", "\u00e9\u4e16", "\ud800", "\udc00\ud800", "a" * 300),
    *([], ["x"], [None], [[]], ["\udfff"], {}, {"x": 1}, {"": None}, {"\ud800": 1}),
    *(float("nan"), float("inf"), float("-inf")),
    *(nested(29), nested(31), nested(32), nested(33), nested(200), {"x": nested(30)}),
]

_OFFSETS = (
    *(-(10**6), -3600, -LEEWAY - 1, -LEEWAY - 0.5, -LEEWAY, -LEEWAY + 1, -1),
    *(-LEEWAY + 0.125, -LEEWAY + 0.25, -LEEWAY + 0.5, -LEEWAY + 0.75),
    *(-0.25, 0, 0.25, 1, LEEWAY - 0.5, LEEWAY, LEEWAY + 0.125, LEEWAY + 0.5, LEEWAY + 1, 10**6),
)
TIMES: Final[list[Any]] = [
    *(NOW + offset for offset in _OFFSETS),
    *(0, -1, -1.5, 253_402_300_799, 253_402_300_799.0, 253_402_300_799.5, 253_402_300_800),
    *(-62_135_596_800, -62_135_596_801, 2**31, 2**63, 2**64, 1e12, 1.7e308, float(NOW + 60)),
    *(str(NOW + 3600), f" {NOW + 60} ", f"{NOW}.5", "1_900_000_000", "soon", True, False, None),
    *([NOW + 60], {"exp": NOW + 60}, OMIT, float("nan"), float("inf")),
]
ISSUERS: Final[list[Any]] = [
    *(
        ISSUER,
        CUSTOM_ISSUER,
        f"{ISSUER}/",
        ISSUER.upper(),
        f"{ISSUER}\x00",
        f" {ISSUER}",
        ISSUER[:-1],
    ),
    *(f"{ISSUER}.evil.example", ISSUER.replace("https", "http"), f"{ISSUER}?x", f"{ISSUER}#"),
    *([ISSUER], {ISSUER: 1}, "", None, 5, True, OMIT, ISSUER.replace("a", "\u0430")),
]
AUDIENCES: Final[list[Any]] = [
    *(AUDIENCE, [AUDIENCE], OTHER_AUDIENCE, ["else", OTHER_AUDIENCE], [AUDIENCE, AUDIENCE]),
    *([AUDIENCE, ISSUER], ISSUER, [ISSUER, CLIENT_ID], [AUDIENCE, CUSTOM_ISSUER], [f"{ISSUER}/"]),
    *([AUDIENCE, 5], [AUDIENCE, None], [AUDIENCE, [AUDIENCE]], [[AUDIENCE]], {AUDIENCE: 1}, []),
    *("", [""], "else", ["else"], f"{AUDIENCE}/", AUDIENCE.upper(), f"{AUDIENCE} {OTHER_AUDIENCE}"),
    *(None, 5, True, OMIT, AUDIENCE[:-1], [AUDIENCE] * 200),
]
NAMES: Final[list[Any]] = [*ANYTHING, OMIT, CLIENT_ID, "kp_0ba7c433e5d648cf992621ce99d42817"]
SCOPES: Final[list[Any]] = [
    *("read:users", "", "a b\tc\nd", ["read:users"], [], [5], {"read:users": 1}, OMIT, None, 5),
    *("a\u00a0b", ["a b"], "x " * 500),
]

CLAIMS: Final[dict[str, list[Any]]] = {
    "exp": TIMES,
    "nbf": TIMES,
    "iat": TIMES,
    "iss": ISSUERS,
    "aud": AUDIENCES,
    **dict.fromkeys(("sub", "azp", "jti", "org_code", "x-hasura-org-code"), NAMES),
    **dict.fromkeys(("scope", "scp", "permissions", "gty", "x-hasura-permissions"), SCOPES),
    **dict.fromkeys(("v", "note", "", "__class__", "feature_flags", "cnf"), ANYTHING),
}

ALGORITHMS: Final[list[Any]] = [
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"),
    *(
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "HS256",
        "HS384",
        "HS512",
        "rs256",
        "RS256 ",
        "\x00RS256",
    ),
    *("ES256K", "Ed25519", "Ed448", "RSA1_5", "dir", "RS256\x00"),
    *(None, 5, True, ["RS256"], {"RS256": 1}, OMIT),
]
KEY_IDS: Final[list[Any]] = [
    *(KID, "rsa-any", "ps-256", "ec-256", "ec-384", "ec-521", "ed-25519", "twin"),
    *("weak", "enc", "no-verify", "private", "oct", "retired", "stranger"),
    *(KID.upper(), f"{KID} ", f" {KID}", f"{KID}\x00", KID[:-1], "", "x" * 2000),
    *("../../../dev/null", "' OR 1=1 --", "http://127.0.0.1/key", "\ud800", "*", "0"),
    *(None, 5, True, [KID], {"kid": KID}, OMIT),
]
TYPES: Final[list[Any]] = [
    *("JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/jwt", "Application/JWT"),
    *("JWE", "JOSE", "id+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "", " JWT", "JWT ", "at"),
    *("application/application/jwt", "text/jwt", "\u212awt", None, 5, ["JWT"], {"JWT": 1}, OMIT),
]
_URLS = ("https://127.0.0.1/keys", "http://127.0.0.1/keys", "file:///etc/passwd", "keys", 5, None)

HEADERS: Final[dict[str, list[Any]]] = {
    "alg": ALGORITHMS,
    "kid": KEY_IDS,
    "typ": TYPES,
    "crit": [[], ["exp"], ["b64"], ["alg"], ["kid", "alg"], "b64", None, {"b64": 1}, [5], ["x"], 0],
    "jku": [*_URLS],
    "x5u": [*_URLS],
    "x5c": [["MIIB"], "MIIB", [5], [], None, {}],
    "x5t": ["AAAA", 5, None],
    "x5t#S256": ["AAAA", 5, None],
    "jwk": [{}, {"kty": "oct", "k": ""}, "jwk", 5, None, []],
    "cty": ["JWT", "json", "", 5, None],
    "b64": [True, False, None, 0, 1, "false"],
    **dict.fromkeys(("zip", "enc", "epk", "exp", "note", "", "nonce"), ANYTHING),
}

ODD_NUMBERS: Final[list[str]] = [
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "1" + "0" * 400, "9" * 5000),
    *("01", "+1", "0x1", ".5", "1.", "1e", "--1", "-0", "1E10", "1e0", "18446744073709551616"),
]
ODD_TEXTS: Final[list[str]] = [
    *"=+/. \n\t\r\x00%,;:\"'",
    *("\u00e9", "\u200b", "\ufeff", "\ud800", "..", "=="),
]
