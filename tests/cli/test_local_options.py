"""``kinde-guard local``: an API of one's own, the environment file, the public URL."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from kinde_guard.cli.env_file import HEADER, render, write_env_file
from kinde_guard.cli.errors import WrongUsage
from kinde_guard.local import LocalKinde, StartError
from tests.cli.processes import Serving, run, serving

OWN = ("--audience", "https://api.acme.com", "--scope", "read:things", "--scope", "write:things")


def described(command: Serving) -> dict[str, Any]:
    return json.loads(command.wait_for(""))  # type: ignore[no-any-return]


def sourced(file: Path) -> dict[str, str]:
    """Return the variables that a shell takes from a file."""
    script = f"set -a; . {file}; env -0"
    ended = subprocess.run(["env", "-i", "sh", "-c", script], capture_output=True, check=True)
    pairs = (entry.partition("=") for entry in ended.stdout.decode().split("\0") if entry)
    return {name: value for name, _, value in pairs if name not in {"PWD", "_", "OLDPWD", "SHLVL"}}


def literally(file: Path) -> dict[str, str]:
    """Return the variables as python-dotenv and Compose take them: no escapes are needed."""
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    pairs = (line.partition("=") for line in lines)
    return {name: value[1:-1] if value.startswith("'") else value for name, _, value in pairs}


def test_env_file_holds_what_guard_client_and_commands_read(tmp_path: Path) -> None:
    file = tmp_path / ".env kinde"
    with serving("local", "--port", "0", "--json", *OWN, "--env-file", str(file)) as command:
        document = described(command)
        linked = tmp_path / "link"
        linked.symlink_to(file)
        environ = sourced(linked)
        assert environ == literally(file) == document["environment"]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        for arguments in (
            ("doctor",),
            ("token", "--scope", "write:things"),
            ("token", "--user", "ada@example.com"),
            ("scopes", "list"),
        ):
            ended = run(*arguments, **environ)
            assert (ended.returncode, ended.stderr) == (0, "")
    assert environ["KINDE_AUDIENCE"] == "https://api.acme.com"
    apis = document["applications"][0]["apis"]
    assert apis == [{"audience": "https://api.acme.com", "scopes": ["read:things", "write:things"]}]
    assert document["applications"][1]["apis"][0]["scopes"] == ["read:things"]


def test_several_audiences_stand_in_one_variable_and_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "kinde.env"
    audiences = ("--audience", "https://a.example", "--audience", "https://b.example")
    with serving("local", "--port", "0", "--json", *audiences, "--env-file", str(file)) as command:
        document = described(command)
    assert sourced(file)["KINDE_AUDIENCE"] == "https://a.example https://b.example"
    assert literally(file) == document["environment"]
    apis = document["applications"][0]["apis"]
    assert [api["audience"] for api in apis] == ["https://a.example", "https://b.example"]


def test_env_file_is_written_again_by_the_next_run_and_stays_private(tmp_path: Path) -> None:
    file = tmp_path / "kinde.env"
    write_env_file(file, {"A": "1"})
    file.chmod(0o644)
    write_env_file(file, {"A": "2 3"})
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == (f"{HEADER}\nA='2 3'\n", 0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["kinde.env"]


def test_env_file_of_another_origin_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("SECRET=1\n")
    ended = run("local", "--port", "0", "--env-file", str(file))
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "exists and was not written by `kinde-guard local`" in ended.stderr
    assert file.read_text() == "SECRET=1\n"


@pytest.mark.parametrize("path", ["nowhere/kinde.env", "."])
def test_env_file_that_cannot_be_written_is_one_line(tmp_path: Path, path: str) -> None:
    ended = run("local", "--port", "0", "--env-file", str(tmp_path / path))
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith("kinde-guard: --env-file: ")


@pytest.mark.parametrize("value", ["it's", "a\\b", "a\nb"])
def test_value_that_readers_take_differently_is_refused(value: str) -> None:
    with pytest.raises(WrongUsage, match="the value of A holds a quote"):
        render({"A": value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--host", "0.0.0.0"),
            "host must be a loopback address such as 127.0.0.1, ::1 or localhost; got",
        ),
        (
            ("--host", "::"),
            "host must be a loopback address such as 127.0.0.1, ::1 or localhost; got",
        ),
        (("--public-url", "kinde:8787"), "--public-url: 'kinde:8787' was given, but it must be"),
        (("--public-url", "http://kinde/x"), "--public-url: 'http://kinde/x' was given, but"),
        (
            ("--tls", "--public-url", "https://kinde:8787"),
            "--public-url: 'https://kinde:8787' was given, but with TLS it must be",
        ),
        (("--audience", "a", "--audience", "a"), "--audience: 'a' was given twice"),
        (("--scope", "a", "--scope", "a"), "--scope: 'a' was given twice"),
        (("--scope", "a b"), "--scope: 'a b' was given, but it must be a name such as read:users"),
        (("--scope", "x" * 65), f"--scope: '{'x' * 65}' was given, but it must be"),
        (("--audience", ""), "--audience: '' was given, but it must be a URL such as"),
        (("--audience", "a b"), "--audience: 'a b' was given, but it must be a URL such as"),
    ],
)
def test_option_that_makes_no_sense_is_one_line(options: Sequence[str], message: str) -> None:
    ended = run("local", "--port", "0", *options)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith(f"kinde-guard: {message}")


def test_public_url_is_the_issuer_and_a_warning_says_who_is_let_in() -> None:
    url = "http://kinde.internal:8787"
    options = ("--host", "0.0.0.0", "--public-url", f"{url}/", "--json")
    with serving("local", "--port", "0", *options) as command:
        document = described(command)
        assert document["issuer"] == document["environment"]["KINDE_DOMAIN"] == url
        _, warning = command.end_with(15)
    expected = "kinde-guard: local Kinde listens at 0.0.0.0: every machine"
    assert any(line.startswith(expected) for line in warning.splitlines())


def test_public_url_answers_under_its_own_host_header() -> None:
    kinde = LocalKinde(host="127.0.0.1", public_url="http://kinde.internal:8787")
    try:
        kinde.start()
    except StartError as error:
        pytest.fail(str(error))
    with kinde:
        address = f"http://127.0.0.1:{kinde._server.port}/.well-known/openid-configuration"
        answer = httpx.get(address, headers={"Host": "kinde.internal:8787"})
        other = httpx.get(address, headers={"Host": "evil.example:8787"})
    assert (answer.status_code, answer.json()["issuer"]) == (200, "http://kinde.internal:8787")
    assert other.status_code == 421


def test_database_gets_the_api_that_it_lacks_and_keeps_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "kinde.db"
    with LocalKinde(database=file) as kinde:
        assert kinde.audience == "https://api.demo.example"
        secrets = [application.client_secret for application in kinde.applications]
    for scopes in (["read:a"], ["read:a", "write:a"]):
        with LocalKinde(database=file, audiences=["https://a.example"], scopes=scopes) as kinde:
            assert kinde.audience == "https://a.example"
            back_office, reporting = kinde.applications[:2]
            access = {api.audience: api.scopes for api in back_office.apis}
            assert access["https://a.example"] == tuple(scopes)
            assert {api.audience: api.scopes for api in reporting.apis}["https://a.example"] == (
                "read:a",
            )
            assert len(access["https://api.demo.example"]) == 6
            assert [each.client_secret for each in kinde.applications] == secrets
