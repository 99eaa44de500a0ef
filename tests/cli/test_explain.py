"""``kinde-guard explain``: what the guard makes of a token, check by check."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kinde_guard import GuardError, KindeGuard
from kinde_guard.local import LocalKinde
from tests.cli.inspected import CLEAN, Command, command_in, module, timeless

SEEN = """\
GET /users, before the guard of ISSUER

ok    shape      three segments, N bytes, typ JWT
ok    algorithm  RS256
ok    key        KEY, published at
                 ISSUER/.well-known/jwks
ok    signature  made by that key with RS256
FAIL  expiry     found     expired 3 min ago (DATE)
                 expected  not yet, give or take 5 s
                 ask for a new token: kinde-guard token
ok    issued     1 d ago (DATE)
ok    issuer     ISSUER
ok    audience   https://api.demo.example
ok    types      azp, jti: text, as expected
ok    binding    no cnf, so it is a bearer token
FAIL  scopes     found     read:roles
                 expected  read:users; missing: read:users
                 in Kinde: Settings > Applications > the application > APIs >
                 Manage scopes: add read:users (application
                 CLIENT); then ask for a new token

Refused: 401 expired_token. The access token has expired.
The guard stops there; also wrong: scopes."""


@pytest.fixture
def command(
    kinde: LocalKinde,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    run = command_in(tmp_path, monkeypatch, capsys)
    monkeypatch.setenv("KINDE_DOMAIN", kinde.issuer)
    monkeypatch.setenv("KINDE_AUDIENCE", kinde.audience)
    module("clean", CLEAN, tmp_path, issuer=kinde.issuer)
    return run


def explained(command: Command, token: str, *options: str) -> tuple[int, dict[str, object]]:
    code, out, _ = command("explain", token, "--json", *options)
    return code, json.loads(out)


def asked(request: str) -> tuple[str, str, str, str]:
    return "--app", "clean:app", "--request", request


def test_table_is_as_it_was_seen_at_80_columns(command: Command, kinde: LocalKinde) -> None:
    token = kinde.token(scopes=["read:roles"], expires_in=-200)
    code, out, _ = command("explain", token, *asked("GET /users"))
    assert (code, timeless(out, kinde.issuer)) == (1, SEEN)


def test_good_token_is_let_in_with_exit_code_0(command: Command, kinde: LocalKinde) -> None:
    code, told = explained(command, kinde.token())
    assert (code, told["verdict"], told["status"], told["reason"]) == (0, "let_in", None, None)


Make = Callable[[LocalKinde], str]
TOKENS: dict[str, Make] = {
    "good": lambda kinde: kinde.token(),
    "user": lambda kinde: kinde.user_token(),
    "id_token": lambda kinde: kinde.id_token(),
    "expired": lambda kinde: kinde.token(expires_in=-60),
    "audience": lambda kinde: kinde.token(audience="https://other.example"),
    "issuer": lambda kinde: kinde.token(iss="https://other.example"),
    "nbf": lambda kinde: kinde.token(nbf=4_000_000_000),
    "odd_claim": lambda kinde: kinde.token(azp=7),
    "odd_expiry": lambda kinde: kinde.token(exp="soon"),
    "odd_begin": lambda kinde: kinde.token(nbf="soon"),
    "odd_issuer": lambda kinde: kinde.token(iss=["x"]),
    "odd_audience": lambda kinde: kinde.token(aud={"a": 1}),
    "cut_in_half": lambda kinde: kinde.token()[:300],
    "cut_signature": lambda kinde: kinde.token()[:-4],
    "opaque": lambda _: "opaque",
    "api_key": lambda _: "k_live_0123",
    "encrypted": lambda _: "a.b.c.d.e",
    "too_large": lambda kinde: kinde.token(filler="x" * 20_000),
    "no_signature": lambda kinde: kinde.token().rpartition(".")[0] + ".",
}


@pytest.mark.parametrize("name", TOKENS)
def test_verdict_is_that_of_the_guard_and_a_check_says_so(
    name: str, command: Command, kinde: LocalKinde
) -> None:
    token = TOKENS[name](kinde)
    expected = asyncio.run(reason_of(token, kinde))
    code, told = explained(command, token)
    assert (code, told["reason"]) == (0 if expected is None else 1, expected)
    checks = told["checks"]
    assert isinstance(checks, list)
    failed = [check["reason"] for check in checks if check["outcome"] == "failed"]
    assert failed[:1] == ([] if expected is None else [expected])


async def reason_of(token: str, kinde: LocalKinde) -> str | None:
    """Return why the guard itself refuses a token."""
    async with KindeGuard(kinde.issuer, audience=kinde.audience) as guard:
        try:
            await guard.verify(token)
        except GuardError as error:
            return error.reason
    return None


def test_missing_scope_is_named_with_the_place_to_add_it(
    command: Command, kinde: LocalKinde
) -> None:
    token = kinde.token(scopes=["read:roles"])
    code, told = explained(command, token, *asked("GET /users"))
    assert (code, told["status"], told["reason"]) == (1, 403, "insufficient_scope")
    assert told["scopes"] == {
        "found": ["read:roles"],
        "needed": ["read:users"],
        "missing": ["read:users"],
    }
    checks = told["checks"]
    assert isinstance(checks, list)
    assert checks[-1]["remedy"].startswith(
        "in Kinde: Settings > Applications > the application > APIs > Manage scopes: add read:users"
    )


@pytest.mark.parametrize(
    ("request_", "claims", "reason"),
    [
        ("GET /users", {"scopes": ["read:users"]}, None),
        ("/users/ada", {"scopes": ["admin"]}, None),
        ("/users/ada?x=1", {"scopes": []}, "insufficient_scope"),
        ("WS /feed", {"scopes": ["read:users"]}, None),
        ("WS /roles/feed", {"scopes": ["read:users"]}, "insufficient_scope"),
        ("GET /health", {"scopes": []}, None),
        ("GET /sub/deep/plain", {"scopes": ["plain:read"]}, None),
        ("GET /sub/deep/plain", {"scopes": []}, "insufficient_scope"),
        ("/orgs/o1/bills", {"org_code": "o1", "permissions": ["read:bills"]}, None),
        ("/orgs/o2/bills", {"org_code": "o1", "permissions": ["read:bills"]}, "wrong_organization"),
        ("/orgs/o1/bills", {"org_code": "o1"}, "insufficient_permissions"),
    ],
)
def test_answer_to_a_request_is_that_of_its_route(
    request_: str,
    claims: dict[str, object],
    reason: str | None,
    command: Command,
    kinde: LocalKinde,
) -> None:
    token = kinde.user_token(**claims)  # type: ignore[arg-type]
    code, told = explained(command, token, *asked(request_))
    assert (code, told["reason"]) == (0 if reason is None else 1, reason)


def test_without_keys_it_says_what_could_not_be_checked(
    command: Command, kinde: LocalKinde
) -> None:
    token = kinde.token()
    with kinde.fail("status"):
        code, told = explained(command, token)
    assert (code, told["verdict"], told["reason"]) == (1, "undecided", "keys_unavailable")
    checks = told["checks"]
    assert isinstance(checks, list)
    assert [one["name"] for one in checks if one["outcome"] == "unchecked"] == ["key", "signature"]
    assert checks[2]["found"] == (
        f"not checked: {kinde.issuer}/.well-known/jwks gave no keys (the status is 500)"
    )


@pytest.mark.parametrize("option", [(), ("--json",), ("--show-claims",), ("--reveal",)])
def test_token_is_never_printed(
    option: tuple[str, ...], command: Command, kinde: LocalKinde
) -> None:
    token = kinde.user_token()
    _, out, err = command("explain", token, *option)
    for part in token.split("."):
        assert part not in out + err


def test_claims_that_identify_people_are_masked_unless_revealed(
    command: Command, kinde: LocalKinde
) -> None:
    token = kinde.user_token(email="ada@example.com")
    assert "claims" not in explained(command, token)[1]
    masked = explained(command, token, "--show-claims")[1]["claims"]
    revealed = explained(command, token, "--reveal")[1]["claims"]
    assert isinstance(masked, dict)
    assert isinstance(revealed, dict)
    assert masked["email"] == "*** (15 characters)"
    assert masked["sub"].startswith("***")
    assert revealed["email"] == "ada@example.com"


def test_escape_sequences_of_a_token_reach_no_terminal(command: Command, kinde: LocalKinde) -> None:
    token = kinde.token(iss="\x1b[31mred\nline", email="\x1b]0;title")
    _, out, _ = command("explain", token, "--reveal")
    assert "\x1b" not in out
    assert "?[31mred?line" in out


@pytest.mark.parametrize("pasted", ["{}\n", "  Bearer {}", "Authorization: Bearer {}\n"])
def test_token_of_standard_input_may_have_its_header_around_it(
    pasted: str, command: Command, kinde: LocalKinde, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(pasted.format(kinde.token())))
    assert command("explain", "-")[0] == 0


def test_token_of_the_environment_is_explained(command: Command, kinde: LocalKinde) -> None:
    assert command("explain", KINDE_TOKEN=kinde.token())[0] == 0


def _closed() -> io.StringIO:
    stream = io.StringIO("x")
    stream.close()
    return stream


@pytest.mark.parametrize(
    "stream", [None, _closed(), io.StringIO("")], ids=["none", "closed", "empty"]
)
def test_no_token_on_standard_input_is_one_line_and_exit_code_2(
    stream: io.StringIO | None, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", stream)
    assert command("explain", "-") == (
        2,
        "",
        "kinde-guard: standard input holds no token; give one as argument, on standard input "
        "with -, or in KINDE_TOKEN\n",
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "KINDE_TOKEN holds no token"),
        (("x", "--request", "GET /users"), "--request needs --app: whose route is it?"),
        (("x", *asked("GET /nope")), "--request: no route answers GET /nope; `kinde-guard routes"),
        (("x", *asked("PUT /users")), "--request: no route answers PUT /users; "),
        # A GET route of FastAPI answers HEAD with 405.
        (("x", *asked("HEAD /users")), "--request: no route answers HEAD /users; "),
        (("x", *asked("get the users")), "--request: 'get the users' was given; write it as"),
        (("x", "--app", "missing:app"), "missing:app: importing missing failed: ModuleNotFound"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    options: tuple[str, ...], says: str, command: Command
) -> None:
    code, out, err = command("explain", *options)
    assert (code, out, err.removeprefix("a module that prints\n").count("\n")) == (2, "", 1)
    assert err.removeprefix("a module that prints\n").startswith(f"kinde-guard: {says}")


def test_settings_that_are_missing_are_one_line_and_exit_code_2(command: Command) -> None:
    ended = command("explain", "x", KINDE_AUDIENCE="")
    assert ended == (2, "", "kinde-guard: set the environment variable KINDE_AUDIENCE\n")


def test_scope_that_is_a_permission_of_the_user_is_noticed(
    command: Command, kinde: LocalKinde
) -> None:
    token = kinde.user_token(permissions=["read:users"])
    code, told = explained(command, token, *asked("GET /users"))
    checks = told["checks"]
    assert isinstance(checks, list)
    assert (code, told["reason"], checks[-1]["remedy"]) == (
        1,
        "insufficient_scope",
        "the token's permissions hold read:users, where Kinde puts a user's API scopes: make the"
        " guard with permissions_as_scopes=True, and they count as scopes",
    )


def test_user_without_the_permission_is_told_of_role_toggle_and_setting(
    command: Command, kinde: LocalKinde
) -> None:
    _, told = explained(command, kinde.user_token(), *asked("GET /users"))
    checks = told["checks"]
    assert isinstance(checks, list)
    for part in (
        "give the user read:users, through a role or directly",
        "'Include API scopes in the permissions claim'",
        "permissions_as_scopes=True",
        "sign in again",
    ):
        assert part in checks[-1]["remedy"]


RIGHTS = """
from fastapi import Depends, FastAPI
from kinde_guard import KindeGuard, kinde_webhook, require_feature, require_roles, require_scopes
from kinde_guard.api_keys import ApiKeys
from kinde_guard.client import ClientCredentials

guard = KindeGuard(
    "ISSUER",
    audience="https://api.demo.example",
    public_paths=["POST /hooks"],
    api_keys=ApiKeys(CREDENTIALS),
)
app = FastAPI()
guard.install(app)


@app.get("/admin", dependencies=[Depends(require_roles("admin"))])
async def admin() -> None: ...


@app.get("/beta", dependencies=[Depends(require_feature("theme", "pink"))])
async def beta() -> None: ...


@app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
async def users() -> None: ...


@app.post("/hooks")
async def hooks(event=Depends(kinde_webhook(guard))) -> None: ...
"""


def rights(kinde: LocalKinde, folder: Path) -> str:
    application = kinde.management
    assert application is not None
    credentials = (
        f"client_id={application.client_id!r}, client_secret={application.client_secret!r}, "
        f"audience={kinde.management_audience!r}, scopes=['read:api_keys', 'read:apis']"
    )
    source = RIGHTS.replace(
        "CREDENTIALS", f"credentials=ClientCredentials({kinde.issuer!r}, {credentials})"
    )
    return module("rights", source, folder, issuer=kinde.issuer)


def last_check(told: dict[str, object]) -> dict[str, str]:
    checks = told["checks"]
    assert isinstance(checks, list)
    last: dict[str, str] = checks[-1]
    return last


@pytest.mark.parametrize(
    ("path", "name", "held", "expected", "reason"),
    [
        ("/admin", "roles", "reader", "roles admin", "insufficient_role"),
        ("/beta", "features", 'theme = "blue"', "feature theme = 'pink'", "feature_unavailable"),
    ],
)
def test_role_or_feature_that_is_lacking_is_a_check_of_its_own(
    path: str,
    name: str,
    held: str,
    expected: str,
    reason: str,
    command: Command,
    kinde: LocalKinde,
    tmp_path: Path,
) -> None:
    address = rights(kinde, tmp_path)
    flags = {"theme": {"t": "s", "v": "blue"}}
    token = kinde.user_token(roles=["reader"], feature_flags=flags)
    code, told = explained(command, token, "--app", address, "--request", f"GET {path}")
    assert (code, told["status"], told["reason"]) == (1, 403, reason)
    check = last_check(told)
    assert (check["name"], check["outcome"], check["found"]) == (name, "failed", held)
    assert (check["expected"], check["reason"]) == (expected, reason)
    assert "in Kinde: " in check["remedy"]


def test_role_and_feature_that_are_there_are_let_in(
    command: Command, kinde: LocalKinde, tmp_path: Path
) -> None:
    address = rights(kinde, tmp_path)
    flags = {"theme": {"t": "s", "v": "pink"}}
    token = kinde.user_token(roles=["admin"], feature_flags=flags)
    for path in ("/admin", "/beta"):
        code, told = explained(command, token, "--app", address, "--request", f"GET {path}")
        assert (code, last_check(told)["outcome"]) == (0, "ok")


def test_api_key_is_asked_about_where_the_guard_accepts_them(
    command: Command, kinde: LocalKinde, tmp_path: Path
) -> None:
    address = rights(kinde, tmp_path)
    key = kinde.api_key(["read:roles"])
    code, told = explained(command, key, "--app", address)
    assert (code, told["verdict"]) == (0, "let_in")
    code, told = explained(command, key, "--app", address, "--request", "GET /users")
    assert (code, told["reason"]) == (1, "insufficient_scope")
    assert last_check(told)["remedy"] == "in Kinde: make an API key that has read:users"
    assert key not in json.dumps(told)


def test_api_key_that_is_not_good_is_refused(
    command: Command, kinde: LocalKinde, tmp_path: Path
) -> None:
    code, told = explained(command, "k_live_0123", "--app", rights(kinde, tmp_path))
    assert (code, told["status"], told["reason"]) == (1, 401, "invalid_api_key")
    assert (last_check(told)["name"], last_check(told)["outcome"]) == ("API key", "failed")


def test_webhook_is_said_to_need_no_token(
    command: Command, kinde: LocalKinde, tmp_path: Path
) -> None:
    options = ("--app", rights(kinde, tmp_path), "--request", "POST /hooks")
    _, told = explained(command, kinde.token(), *options)
    assert last_check(told)["name"] == "webhook"
    assert "signed and carry no token" in last_check(told)["found"]
