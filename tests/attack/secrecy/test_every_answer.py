"""No mark of a token or a request shows, whatever the guard answers: not in the answer, not in a
log line, an event, a counter, an error or the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Request, WebSocket

from kinde_guard import (
    AccessDenied,
    AccessToken,
    ExpiredToken,
    GuardError,
    GuardEvent,
    ImmatureToken,
    InvalidClaim,
    KindeGuard,
    MissingToken,
    WrongAudience,
    WrongIssuer,
    require_org,
    require_permissions,
    require_scopes,
)
from tests.attack.secrecy.conftest import Logs, MakeGuard
from tests.attack.secrecy.loaded import (
    ORGANIZATION,
    OUTCOMES,
    PERMISSION,
    SCOPE,
    Load,
    Make,
    Outcome,
)
from tests.attack.secrecy.marks import Marks, everything_of
from tests.core.exchange import call, connect, lifespan
from tests.mint import KeyServer, SigningKey, Tenant

pytestmark = pytest.mark.anyio

#: The claims that say which client, which token and which organization, in log lines and events.
IDS = {"azp", "jti", "org_code"}
#: The refusals of tokens whose signature is right, and whose claims could be read.
SIGNED = (ExpiredToken, ImmatureToken, InvalidClaim, WrongIssuer, WrongAudience, AccessDenied)

EVERY_OUTCOME = pytest.mark.parametrize(("outcome", "make"), [*OUTCOMES.values()], ids=[*OUTCOMES])


@dataclass
class Stage:
    """A guarded application whose routes need all that can be needed, and all that it told."""

    guard: KindeGuard
    app: FastAPI = field(default_factory=FastAPI)
    events: list[GuardEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        needs = [
            Depends(require_scopes(SCOPE)),
            Depends(require_permissions(PERMISSION)),
            Depends(require_org()),
        ]

        @self.app.get("/orgs/{org_code}/users", dependencies=needs)
        async def users(org_code: str) -> list[str]:
            return ["ada"]

        @self.app.get("/fails")
        async def fails(token: Annotated[AccessToken, Depends(require_scopes(SCOPE))]) -> None:
            raise RuntimeError("the handler failed")

        @self.app.websocket("/orgs/{org_code}/feed", dependencies=needs)
        async def feed(websocket: WebSocket, org_code: str) -> None:
            await websocket.accept()
            await websocket.close()

        @self.app.get("/open/who")
        async def who(request: Request) -> dict[str, bool]:
            return {"known": request.user.is_authenticated}

        self.guard.install(self.app)

    def told(self) -> list[str]:
        """Return what the guard and its application tell besides their answers."""
        return [
            *(repr(self.guard), repr(self.guard.stats), repr(self.guard.settings)),
            json.dumps(self.app.openapi()),
        ]

    def check(self, marks: Marks, logs: Logs, outcome: Outcome, *shown: str) -> None:
        """Fail if a mark shows in an answer, or in anything that is told.

        Events and log lines name the client and the token where the signature was right.
        """
        marks.check(*shown, *self.told())
        named = IDS if outcome is None or issubclass(outcome, SIGNED) else set()
        for text in (logs.text, repr(self.events)):
            assert {*marks.found_in(text)} <= named


MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(make_guard: MakeGuard) -> MakeStage:
    def make(**settings: Any) -> Stage:
        events: list[GuardEvent] = []
        guard = make_guard(public_paths=["/open/*"], on_event=events.append, **settings)
        return Stage(guard, events=events)

    return make


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    return make_stage()


@pytest.fixture
def load(marks: Marks, tenant: Tenant, other_key: SigningKey) -> Load:
    return Load(marks, tenant, other_key)


def request_of(load: Load, make: Make) -> dict[str, Any]:
    """Return a request with marks in its other parts too."""
    made = make(load)
    values = made if isinstance(made, list) else [made]
    mark = load.marks
    return {
        "headers": [
            *(("authorization", value) for value in values),
            ("cookie", f"session={mark('cookie')}"),
            ("x-api-key", mark("x-api-key")),
            ("referer", f"https://{mark('referer')}.example"),
            (mark("name of a header"), "x"),
        ],
        "query_string": f"access_token={mark('query')}&code={mark('code')}".encode(),
    }


@EVERY_OUTCOME
async def test_request_shows_nowhere(
    outcome: Outcome, make: Make, stage: Stage, load: Load, logs: Logs
) -> None:
    """A request on the route that needs everything, and on a public one."""
    path = f"/orgs/{ORGANIZATION}/users"
    for number in range(2):
        answer = await call(
            stage.app, path, body=load.marks("body").encode(), **request_of(load, make)
        )
        assert answer.status == (outcome.status if outcome else 200)
        if outcome:
            assert answer.json["reason"] == outcome.reason
            assert stage.guard.stats.rejected == {outcome.reason: number + 1}
        stage.check(load.marks, logs, outcome, answer.text)
    answer = await call(stage.app, "/open/who", **request_of(load, make))
    let_in = outcome is None or issubclass(outcome, (AccessDenied, MissingToken))
    assert answer.status == (200 if let_in else answer.json["status"])
    stage.check(load.marks, logs, outcome, answer.text)


@EVERY_OUTCOME
@pytest.mark.parametrize("way", ["header", "subprotocol"])
async def test_handshake_shows_nowhere(
    way: str, outcome: Outcome, make: Make, stage: Stage, load: Load, logs: Logs
) -> None:
    """A WebSocket, its token in the header or as a subprotocol, denied and closed."""
    path = f"/orgs/{ORGANIZATION}/feed"
    for denial in (True, False):
        request = request_of(load, make)
        if way == "subprotocol":
            values = [value for name, value in request["headers"] if name == "authorization"]
            request["headers"] = []
            tokens = [value.partition(" ")[2] for value in values]
            request["subprotocols"] = [name for raw in tokens for name in ("bearer", raw)]
        talk = await connect(stage.app, path, denial=denial, **request)
        assert talk.accepted == (outcome is None)
        shown = talk.denial.text if talk.denial else ""
        stage.check(load.marks, logs, outcome, shown, repr(talk))


async def told_by(guard: KindeGuard, raw: str | bytes) -> str:
    """Return all that an error of the guard carries, "" if there is none."""
    try:
        await guard.verify(raw)
    except GuardError as error:
        return everything_of(error)
    return ""


@EVERY_OUTCOME
async def test_error_carries_nothing(
    outcome: Outcome, make: Make, stage: Stage, load: Load, logs: Logs
) -> None:
    """The error that ``guard.verify`` raises: its arguments, its context, its traceback."""
    made = make(load)
    for value in made if isinstance(made, list) else [made]:
        raw = value.partition(" ")[2]
        for text in (raw, raw.encode("latin-1")):
            stage.check(load.marks, logs, outcome, await told_by(stage.guard, text))


@pytest.mark.parametrize(
    "fault",
    [
        500,
        httpx.ConnectError("MARK"),
        RuntimeError("MARK"),
        httpx.Response(302, headers={"location": "https://MARK.example", "x": "MARK"}),
        httpx.Response(200, text="MARK"),
        httpx.Response(200, json={"keys": [{"kid": "MARK", "kty": "MARK", "k": "MARK"}]}),
        httpx.Response(200, headers={"content-encoding": "MARK"}, content=b"MARK"),
    ],
    ids=["status", "connection", "anything", "redirect", "text", "keys", "encoding"],
)
@pytest.mark.parametrize("fail_fast", [True, False])
async def test_outage_shows_nothing_of_the_request_nor_of_the_key_server(
    fail_fast: bool,
    fault: Any,
    make_stage: MakeStage,
    load: Load,
    key_server: KeyServer,
    logs: Logs,
) -> None:
    """A key server that fails and says secrets while it does, at start-up and later."""
    key_server.fail(_marked(fault, load.marks("key server")))
    stage = make_stage(fail_fast=fail_fast)
    async with lifespan(stage.app) as started:
        assert started.started is not fail_fast
    load.marks.check(str(started.failure), logs.text)
    answer = await call(stage.app, "/open/who", **request_of(load, lambda load: load.bearer()))
    assert answer.status == 503
    told = await told_by(stage.guard, load.token())
    assert "keys" in told or "verified" in told
    load.marks.check(answer.text, told, logs.text, repr(stage.events), *stage.told())


def _marked(fault: Any, mark: str) -> Any:
    if isinstance(fault, httpx.Response):
        headers = {name: value.replace("MARK", mark) for name, value in fault.headers.items()}
        headers.pop("content-length", None)
        content = fault.content.replace(b"MARK", mark.encode())
        return httpx.Response(fault.status_code, headers=headers, content=content)
    return fault if isinstance(fault, int) else type(fault)(mark)


async def test_material_of_a_key_that_is_passed_over_shows_nowhere(
    stage: Stage, load: Load, key_server: KeyServer, logs: Logs, other_key: SigningKey
) -> None:
    """Private keys, symmetric keys and nonsense in the published set, each passed over with a line
    in the log."""
    mark = load.marks
    key_server.publish(
        load.tenant.key,
        other_key.jwk(d=mark("d"), kid=mark("kid of a private key")),
        {"kty": "oct", "kid": mark("kid of a secret"), "k": mark("k")},
        {"kty": mark("kty"), "kid": mark("kid")},
        {"kty": "RSA", "kid": mark("kid rsa"), "n": mark("n"), "e": mark("e")},
        {"kty": "EC", "kid": mark("kid ec"), "crv": mark("crv"), "x": mark("x"), "y": mark("y")},
        other_key.jwk(alg=mark("alg of a key"), use="sig"),
        other_key.jwk(use=mark("use")),
        {"kty": "RSA", "kid": mark("unknown"), mark("member"): mark("value")},
    )
    await stage.guard.verify(load.token())
    assert logs.text.count("passed over") >= 8
    mark.check(logs.text, *stage.told())
    assert {*mark.found_in(repr(stage.events))} <= IDS


async def test_observer_that_fails_tells_nothing(
    make_guard: MakeGuard, load: Load, logs: Logs
) -> None:
    """An ``on_event`` that raises, which is logged with its traceback."""

    def fail(event: GuardEvent) -> None:
        raise RuntimeError("the observer failed")

    guard = make_guard(on_event=fail)
    await guard.verify(load.token())
    await told_by(guard, load.token(exp=1))
    assert "the observer failed" in logs.text
    assert {*load.marks.found_in(logs.text)} <= IDS


async def test_failing_handler_shows_nothing_of_the_token(
    stage: Stage, load: Load, logs: Logs
) -> None:
    """A handler that raises with the token in hand: the 500, its traceback, and what a reporter of
    errors would show of our own frames, but for the request itself, which every frame holds."""
    with pytest.raises(RuntimeError) as caught:
        await call(stage.app, "/fails", **request_of(load, lambda load: load.bearer()))
    load.marks.check(everything_of(caught.value), logs.text)
    ours = [entry for entry in caught.traceback if "/kinde_guard/" in str(entry.path)]
    assert ours
    request = {"scope", "connection", "request", "headers", "subscope"}
    for entry in ours:
        for name, value in entry.frame.f_locals.items():
            if name not in request:
                load.marks.check(repr(value))


async def test_application_without_a_guard_logs_nothing_of_the_request(
    load: Load, logs: Logs
) -> None:
    """The 500 of an application whose guard is missing, and the line that says so."""
    app = FastAPI()

    @app.get("/users", dependencies=[Depends(require_scopes(SCOPE))])
    async def users() -> None: ...

    answer = await call(app, "/users", **request_of(load, lambda load: load.bearer()))
    assert answer.status == 500
    assert "no guard protects this application" in logs.text
    load.marks.check(answer.text, logs.text)


async def test_wrong_use_in_the_code_logs_nothing_of_the_request(
    make_guard: MakeGuard, load: Load, logs: Logs
) -> None:
    """A route whose dependency is written wrongly, which only a request brings to light."""
    app = FastAPI()

    @app.get("/users/{org}", dependencies=[Depends(require_org("organisation"))])
    async def users(org: str) -> None: ...

    make_guard().install(app)
    with pytest.raises(ValueError, match="organisation") as caught:
        await call(app, "/users/1", **request_of(load, lambda load: load.bearer()))
    load.marks.check(everything_of(caught.value), logs.text)
