"""``kinde-guard token --user | --login | --device``: users' tokens of local Kinde and of a stub."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from kinde_guard.cli import sign_in
from kinde_guard.cli.errors import Finding
from kinde_guard.cli.loopback_redirect import LoopbackRedirect
from kinde_guard.cli.sign_in import PublicClient, browser_token, device_token, hinted_token
from kinde_guard.local import LocalKinde, LoopbackServer
from kinde_guard.local.seed import FRONT_END_CLIENT_ID
from tests.cli.in_process import Command, Ended, command


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command(monkeypatch, capsys)


def of_front_end(kinde: LocalKinde) -> dict[str, str]:
    return {
        "KINDE_DOMAIN": kinde.issuer,
        "KINDE_AUDIENCE": kinde.audience,
        "KINDE_FRONTEND_CLIENT_ID": FRONT_END_CLIENT_ID,
    }


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def one_line(ended: Ended, code: int) -> str:
    assert (ended.code, ended.out, ended.err.count("\n")) == (code, "", 1)
    return ended.err.removeprefix("kinde-guard: ").rstrip("\n")


# --user


def test_user_of_local_kinde_gets_their_token(kinde: LocalKinde, cli: Command) -> None:
    ended = cli("token", "--user", "ada@example.com", **of_front_end(kinde))
    assert (ended.code, ended.err, ended.out.count("\n")) == (0, "", 1)
    claims = claims_of(ended.out.strip())
    assert claims["sub"] == kinde.people[0].id
    assert claims["aud"] == [kinde.audience]
    assert claims["org_code"] == kinde.people[0].organizations[0]
    assert "read:users" in claims["permissions"]


def test_organization_of_the_user_may_be_chosen(kinde: LocalKinde, cli: Command) -> None:
    charles = kinde.people[1]
    for code in charles.organizations:
        arguments = ("token", "--user", str(charles.email), "--org", code, "--json")
        ended = cli(*arguments, **of_front_end(kinde))
        document = json.loads(ended.out)
        assert claims_of(document.pop("access_token"))["org_code"] == code
        assert document == {
            "token_type": "bearer",
            "audience": [kinde.audience],
            "expires_in": 86_400,
        }


def test_front_end_of_local_kinde_need_not_be_named(kinde: LocalKinde, cli: Command) -> None:
    environ = of_front_end(kinde) | {"KINDE_FRONTEND_CLIENT_ID": ""}
    assert cli("token", "--user", "ada@example.com", **environ).code == 0


def test_proxy_is_not_asked_for_a_tenant_on_loopback(kinde: LocalKinde, cli: Command) -> None:
    environ = of_front_end(kinde) | {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}
    assert cli("token", "--user", "ada@example.com", **environ).code == 0


@pytest.mark.parametrize(
    ("arguments", "changes", "code", "message"),
    [
        (("--user", "eve@example.com"), {}, 1, "has no person 'eve@example.com' to sign in"),
        (
            ("--user", "ada@example.com", "--org", "org_0"),
            {},
            1,
            "refused the sign-in: invalid_request",
        ),
        (("--user", "ada@example.com", "--client-id", "x"), {}, 1, "a front-end application that"),
        (
            ("--user", "ada@example.com"),
            {"KINDE_DOMAIN": "http://127.0.0.1:1"},
            1,
            "is `kinde-guard local` running?",
        ),
        (("--user", "ada@example.com", "--audience", "https://no"), {}, 1, "is not for https://no"),
        (("--user", " "), {}, 2, "--user is empty"),
        (
            ("--user", "a@b.c"),
            {"KINDE_DOMAIN": "acme.kinde.com"},
            2,
            "--user is for local Kinde, and KINDE_DOMAIN is https://acme.kinde.com: sign in with",
        ),
        (("--login",), {"KINDE_FRONTEND_CLIENT_ID": ""}, 2, "no front-end application is named"),
        (("--login", "--device"), {}, 2, "--login and --device exclude each other"),
        (("--user", "a@b.c"), {"KINDE_AUDIENCE": ""}, 2, "no API is named"),
        (("--user", "a@b.c"), {"KINDE_DOMAIN": ""}, 2, "KINDE_DOMAIN not set"),
        (("--user", "a@b.c", "--scope", "x"), {}, 2, "--scope is of machines"),
        (("--org", "org_1"), {}, 2, "--org is of users"),
    ],
)
def test_failure_is_one_line(
    kinde: LocalKinde,
    cli: Command,
    arguments: tuple[str, ...],
    changes: dict[str, str],
    code: int,
    message: str,
) -> None:
    ended = cli("token", *arguments, **of_front_end(kinde) | changes)
    assert message in one_line(ended, code)


# A stub of an authorization server

Answer = Callable[[dict[str, str]], Response]


@contextlib.contextmanager
def stub(authorize: Answer, token: Answer, device: Answer | None = None) -> Iterator[PublicClient]:
    app = FastAPI()

    async def form_of(request: Request) -> dict[str, str]:
        text = (await request.body()).decode() or request.url.query
        return {name: values[0] for name, values in parse_qs(text).items()}

    @app.get("/oauth2/auth")
    async def auth(request: Request) -> Response:
        return authorize(await form_of(request))

    @app.post("/oauth2/token")
    async def exchange(request: Request) -> Response:
        return token(await form_of(request))

    @app.post("/oauth2/device/auth")
    async def start(request: Request) -> Response:
        assert device is not None
        return device(await form_of(request))

    server = LoopbackServer(lambda _: app)
    server.start()
    try:
        yield PublicClient(server.url, "front", ("https://api.acme.com",))
    finally:
        server.stop()


def redirecting(**parameters: str) -> Answer:
    def answer(query: dict[str, str]) -> Response:
        given = {"state": query["state"], **parameters}
        text = "&".join(f"{name}={value}" for name, value in given.items())
        return RedirectResponse(f"{query['redirect_uri']}?{text}", 302)

    return answer


def granting(form: dict[str, str]) -> Response:
    return JSONResponse({"access_token": "a.b.c", "expires_in": 60})


@pytest.mark.parametrize(
    ("authorize", "token", "message"),
    [
        (redirecting(code="1", state="other"), granting, "does not belong to this sign-in"),
        (redirecting(error="access_denied"), granting, "refused the sign-in: access_denied"),
        (lambda _: Response("<html>"), granting, "answers with its sign-in page"),
        (lambda _: Response("no", 400), granting, "answered 400"),
        (lambda _: RedirectResponse("https://evil.example/?code=1"), granting, "elsewhere"),
        (redirecting(code="1"), lambda _: JSONResponse({}), "an answer without a token"),
        (redirecting(code="1"), lambda _: Response("<html>"), "without a JSON object"),
        (
            redirecting(code="1"),
            lambda _: JSONResponse({"error": "invalid_grant", "error_description": "old"}, 400),
            "refused the sign-in: invalid_grant: old",
        ),
    ],
)
def test_answer_that_is_no_good_is_a_finding(
    authorize: Answer, token: Answer, message: str
) -> None:
    with stub(authorize, token) as client, pytest.raises(Finding, match=message):
        hinted_token(client, "ada@example.com")


def test_code_is_exchanged_with_the_verifier_of_its_challenge() -> None:
    seen: list[dict[str, str]] = []

    def authorize(query: dict[str, str]) -> Response:
        seen.append(query)
        return redirecting(code="the-code")(query)

    def token(form: dict[str, str]) -> Response:
        seen.append(form)
        return granting(form)

    with stub(authorize, token) as client:
        grant = hinted_token(client, "ada@example.com")
    assert (grant.access_token, grant.expires_in) == ("a.b.c", 60)
    assert "a.b.c" not in repr(grant)
    query, form = seen
    challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
    assert query["code_challenge"] == challenge.rstrip(b"=").decode()
    assert query["code_challenge_method"] == "S256"
    assert (query["login_hint"], query["audience"]) == ("ada@example.com", "https://api.acme.com")
    assert (form["code"], form["redirect_uri"]) == ("the-code", query["redirect_uri"])
    assert "client_secret" not in form


# --login


def browser(url: str) -> bool:
    """Follow redirects as a browser does, without waiting for the end."""

    def visit() -> None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=10) as answer:
            answer.read()

    threading.Thread(target=visit, daemon=True).start()
    return True


def test_browser_brings_the_code_to_the_loopback_redirect(
    capsys: pytest.CaptureFixture[str],
) -> None:
    opened: list[str] = []

    def open_browser(url: str) -> bool:
        opened.append(url)
        return browser(url)

    with stub(redirecting(code="1"), granting) as client:
        grant = browser_token(client, port=0, open_browser=open_browser, timeout=20)
    assert grant.access_token == "a.b.c"
    (url,) = opened
    redirect = parse_qs(urlsplit(url).query)["redirect_uri"][0]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"The application front must allow the callback URL {redirect}\n")
    assert url in printed.err


def test_browser_signs_in_at_local_kinde_whose_front_end_allows_the_redirect(
    kinde: LocalKinde,
) -> None:
    client = PublicClient(kinde.issuer, FRONT_END_CLIENT_ID, (kinde.audience,))

    def open_browser(url: str) -> bool:
        return browser(f"{url}&login_hint=mary@example.com")

    with LoopbackRedirect(0) as free:
        port = urlsplit(free.url).port
    assert port is not None
    kinde.allow_callback(FRONT_END_CLIENT_ID, f"http://127.0.0.1:{port}/callback")
    grant = browser_token(client, port=port, open_browser=open_browser, timeout=20)
    assert claims_of(grant.access_token)["sub"] == kinde.people[2].id


def test_redirect_of_another_sign_in_is_refused() -> None:
    def open_browser(url: str) -> bool:
        redirect = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        return browser(f"{redirect}?code=stolen&state=other")

    with stub(redirecting(code="1"), granting) as client, pytest.raises(Finding, match="state"):
        browser_token(client, port=0, open_browser=open_browser, timeout=20)


def test_sign_in_that_never_comes_ends() -> None:
    client = PublicClient("http://127.0.0.1:1", "front", ())
    with pytest.raises(Finding, match="there was no sign-in within 0 s"):
        browser_token(client, port=0, open_browser=lambda _: False, timeout=0)


def test_port_that_is_taken_is_a_finding() -> None:
    with LoopbackRedirect(0) as taken:
        port = urlsplit(taken.url).port
        assert port is not None
        with pytest.raises(Finding, match=f"port {port} cannot be listened at"):
            LoopbackRedirect(port)


# --device

STARTED = {
    "device_code": "device",
    "user_code": "ABCD",
    "verification_uri": "http://127.0.0.1/device",
    "interval": 3,
    "expires_in": 30,
}


def polling(*answers: dict[str, Any]) -> Answer:
    left = list(answers)

    def answer(form: dict[str, str]) -> Response:
        assert form["device_code"] == "device"
        return JSONResponse(left.pop(0) if len(left) > 1 else left[0])

    return answer


def test_device_polls_until_the_code_is_confirmed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    token = polling(
        {"error": "authorization_pending"}, {"error": "slow_down"}, {"access_token": "a.b.c"}
    )
    monkeypatch.setattr(sign_in, "_device_endpoint", _device_endpoint)
    with stub(granting, token, lambda _: JSONResponse(STARTED)) as client:
        grant = device_token(client, sleep=slept.append)
    assert (grant.access_token, slept) == ("a.b.c", [3, 3, 8])
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (
        "",
        "Open http://127.0.0.1/device and confirm the code ABCD.\n",
    )


def _device_endpoint(_: object, client: PublicClient) -> str:
    return f"{client.issuer}/oauth2/device/auth"


@pytest.mark.parametrize(
    ("started", "answer", "message"),
    [
        (STARTED, {"error": "authorization_pending"}, "the code expired before it was confirmed"),
        (STARTED, {"error": "access_denied"}, "refused the sign-in: access_denied"),
        ({"error": "unauthorized_client"}, {}, "refused the sign-in: unauthorized_client"),
    ],
)
def test_device_that_is_refused_or_late_is_a_finding(
    started: dict[str, Any],
    answer: dict[str, Any],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sign_in, "_device_endpoint", _device_endpoint)
    with (
        stub(granting, polling(answer), lambda _: JSONResponse(started)) as client,
        pytest.raises(Finding, match=message),
    ):
        device_token(client, sleep=lambda _: None)
