"""What the commands print: nothing secret, unless they are asked for it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from kinde_guard.local import Application, LocalKinde, LoopbackServer
from tests.attack.secrecy.conftest import Logs
from tests.attack.secrecy.marks import Marks
from tests.cli.in_process import Command, Ended, command
from tests.cli.management_proxy import proxied
from tests.cli.tenants import of_caller, of_manager


@pytest.fixture(scope="module")
def kinde() -> Iterator[LocalKinde]:
    with LocalKinde() as kinde:
        yield kinde


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command(monkeypatch, capsys)


def _check(marks: Marks, ended: Ended, logs: Logs) -> None:
    assert ended.out or ended.err
    marks.check(ended.out, ended.err, logs.text)


#: Each way in which a token is refused, or not; the values are claims.
TOKENS: dict[str, dict[str, Any]] = {
    "good": {},
    "expired": {"exp": 1},
    "never": {"exp": None},
    "future": {"nbf": 10**10},
    "issuer": {"iss": "https://other.example"},
    "audience": {"aud": ["https://other.example"]},
    "subject": {"sub": ["MARK"]},
    "organization": {"org_code": {"ORGANIZATION": 1}},
    "scope": {"scope": {"a": 1}},
}


def _token(kinde: LocalKinde, marks: Marks, **claims: Any) -> str:
    personal = {name: marks(name) for name in ("sub", "jti", "email", "name", "picture", "note")}
    nested = {marks("name of a claim"): {"a": [marks("nested")]}}
    written = json.dumps(claims).replace("MARK", marks("claim"))
    given = json.loads(written.replace("ORGANIZATION", marks("organization")))
    token = kinde.token(["read:users"], **{**personal, **nested, **given})
    for number, segment in enumerate(token.split(".")):
        marks.also(segment, f"segment {number}")
    return token


@pytest.mark.parametrize("claims", TOKENS.values(), ids=TOKENS)
def test_explain_shows_no_token_and_no_person(
    claims: dict[str, Any], kinde: LocalKinde, cli: Command, marks: Marks, logs: Logs
) -> None:
    environ = {"KINDE_DOMAIN": kinde.issuer, "KINDE_AUDIENCE": kinde.audience}
    environ["KINDE_CLIENT_SECRET"] = marks("client secret")
    token = _token(kinde, marks, **claims)
    sources: list[tuple[str, ...]] = [(token,), ("-",), ()]
    shapes = [(), ("--json",), ("--show-claims",), ("--show-claims", "--json")]
    for number, options in enumerate(shapes):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", io.StringIO(f"Authorization: Bearer {token}\n"))
            ended = cli("explain", *sources[number % 3], *options, KINDE_TOKEN=token, **environ)
        assert ended.code in {0, 1}, ended.err
        found = {*marks.found_in(ended.out + ended.err + logs.text)}
        # Names of claims are shown then, and what says what a token is; people are masked.
        asked_for = {"name of a claim", "organization"} if "--show-claims" in options else set()
        assert found <= asked_for


@pytest.mark.parametrize("claims", [TOKENS["good"], TOKENS["expired"]])
def test_reveal_shows_the_claims_and_never_the_signature(
    claims: dict[str, Any], kinde: LocalKinde, cli: Command, marks: Marks
) -> None:
    email = marks("email asked for")
    token = kinde.token(email=email, **claims)
    environ = {"KINDE_DOMAIN": kinde.issuer, "KINDE_AUDIENCE": kinde.audience}
    ended = cli("explain", token, "--reveal", **environ)
    assert marks.found_in(ended.out) == ["email asked for"]
    header, payload, signature = token.split(".")
    for segment in (header, payload, signature):
        assert segment not in ended.out + ended.err


BROKEN = ["MARK", "MARK.MARK", "a.MARK.c", "MARK.MARK.MARK", "MARK.b.c.d.MARK", "{MARK}", "k_MARK"]


@pytest.mark.parametrize("text", BROKEN)
def test_explain_repeats_nothing_of_what_is_no_token(
    text: str, kinde: LocalKinde, cli: Command, marks: Marks, logs: Logs
) -> None:
    environ = {"KINDE_DOMAIN": kinde.issuer, "KINDE_AUDIENCE": kinde.audience}
    given = text.replace("MARK", marks("text"))
    for options in ((), ("--json",), ("--reveal",)):
        ended = cli("explain", given, *options, **environ)
        assert ended.code == 1
        _check(marks, ended, logs)


SLIPS = [
    ("explain", "Bearer", "TOKEN"),
    ("explain", "TOKEN", "TOKEN"),
    ("TOKEN",),
    ("token", "TOKEN"),
    ("token", "--audience", "TOKEN", "TOKEN"),
    ("token", "--TOKEN"),
    ("doctor", "TOKEN"),
    ("routes", "TOKEN"),
    ("scopes", "TOKEN"),
    ("scopes", "list", "TOKEN", "TOKEN"),
    ("local", "--port", "TOKEN"),
    ("explain", "x", "--app", "TOKEN"),
    ("explain", "x", "--app", "a:b", "--request", "TOKEN"),
    ("explain", "x", "--token=TOKEN"),
]


@pytest.mark.parametrize("words", SLIPS, ids=" ".join)
def test_token_in_the_wrong_place_is_not_repeated(
    words: tuple[str, ...], kinde: LocalKinde, cli: Command, marks: Marks, logs: Logs
) -> None:
    token = _token(kinde, marks)
    ended = cli(*(word.replace("TOKEN", token) for word in words))
    assert ended.code == 2
    _check(marks, ended, logs)


class _Echo:
    """A tenant that answers every request with all that it was sent."""

    def __init__(self, kinde: LocalKinde) -> None:
        self.kinde = kinde
        self.asked: list[str] = []

    def app(self, url: str) -> FastAPI:
        app = FastAPI()

        @app.api_route("/{path:path}", methods=["GET", "POST", "PATCH", "DELETE"])
        async def echo(request: Request) -> Response:
            self.asked.append(request.url.path)
            sent = f"{(await request.body()).decode()} {request.headers.get('authorization')}"
            body = {"error": sent[:400], "error_description": sent, "issuer": url, "message": sent}
            # Not in a header: httpcore itself logs those, at the level DEBUG.
            return JSONResponse(body, 401)

        return app


@pytest.fixture
def echo(kinde: LocalKinde) -> Iterator[str]:
    server = LoopbackServer(_Echo(kinde).app)
    server.start()
    yield server.url
    server.stop()


COMMANDS = [
    ("token",),
    ("token", "--json"),
    ("token", "--scope", "read:users"),
    ("doctor",),
    ("doctor", "--json"),
    ("scopes", "list"),
    ("scopes", "list", "Reporting", "--ask"),
    ("scopes", "grant", "Reporting", "read:users"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("tenant", ["wrong-secret", "echo", "nobody"])
def test_command_that_fails_shows_no_secret(
    tenant: str,
    words: tuple[str, ...],
    kinde: LocalKinde,
    echo: str,
    cli: Command,
    marks: Marks,
    logs: Logs,
) -> None:
    application: Application = kinde.applications[0]
    environ = {
        **of_caller(kinde, application),
        "KINDE_DOMAIN": {"echo": echo, "nobody": "http://127.0.0.1:9"}.get(tenant, kinde.issuer),
        "KINDE_CLIENT_SECRET": marks("client secret"),
        "KINDE_MANAGEMENT_CLIENT_ID": application.client_id,
        "KINDE_MANAGEMENT_CLIENT_SECRET": marks("management secret"),
    }
    ended = cli(*words, **environ)
    assert ended.code in {1, 2}
    _check(marks, ended, logs)


def test_password_in_the_domain_is_not_repeated(cli: Command, marks: Marks, logs: Logs) -> None:
    domain = f"https://user:{marks('password')}@acme.kinde.com"
    environ = {"KINDE_DOMAIN": domain, "KINDE_AUDIENCE": "users", "KINDE_CLIENT_ID": "a"}
    environ["KINDE_CLIENT_SECRET"] = marks("client secret")
    for words in (("token",), ("doctor",), ("explain", "x"), ("scopes", "list")):
        ended = cli(*words, **environ)
        assert ended.code == 2
        assert "KINDE_DOMAIN" in ended.err or "domain" in ended.err
        _check(marks, ended, logs)


@pytest.mark.parametrize(
    "words", [("list",), ("grant", "Reporting", "create:users", "--json")], ids=" ".join
)
def test_management_api_that_repeats_the_token_is_not_repeated(
    words: tuple[str, ...], kinde: LocalKinde, cli: Command, marks: Marks, logs: Logs
) -> None:
    bought: list[str] = []

    def repeat(method: str, path: str) -> Response | None:
        if words[0] == "grant" and method == "GET":
            return None
        token = bought[-1]
        return JSONResponse({"errors": [{"code": "X", "message": f"not with {token}"}]}, 403)

    manager = kinde.management
    assert manager is not None
    marks.also(manager.client_secret, "management secret")
    with proxied(kinde, repeat) as proxy, pytest.MonkeyPatch.context() as patch:
        _note_tokens(patch, bought, marks)
        environ = of_manager(kinde) | {"KINDE_DOMAIN": proxy.issuer}
        ended = cli("scopes", *words, **environ)
    assert bought
    assert ended.code == 1
    assert "not with" in ended.err
    assert ("not with" in ended.out) == ("--json" in words)
    _check(marks, ended, logs)


def _note_tokens(patch: pytest.MonkeyPatch, bought: list[str], marks: Marks) -> None:
    """Make a mark of every token that the command gets."""
    from kinde_guard.client.token_answer import AnswerReader  # noqa: PLC0415

    read = AnswerReader.read

    def noted(self: AnswerReader, *given: Any) -> Any:
        grant = read(self, *given)
        bought.append(marks.also(grant.access_token, "token"))
        return grant

    patch.setattr(AnswerReader, "read", noted)
