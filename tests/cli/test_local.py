"""``kinde-guard local``: what it says at the start, what it serves, and how it ends."""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import sqlite3
import ssl
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from kinde_guard.local import AUDIENCE, SCOPES, Store, Tenant
from tests.cli.processes import Serving, environment, run, serving

JWKS = "/.well-known/jwks"


def described(command: Serving) -> dict[str, Any]:
    """Return the object that ``--json`` prints, which is its first line."""
    line = command.wait_for("")
    return json.loads(line)  # type: ignore[no-any-return]


def screen(command: Serving) -> list[str]:
    """Return all lines that a person sees before they have to do something."""
    command.wait_for("Ctrl-C ends.")
    return [line.rstrip("\n") for line in command.said]


def ask(said: dict[str, Any], client: dict[str, Any], audience: str, **options: Any) -> Any:
    form = {
        "grant_type": "client_credentials",
        "client_id": client["client_id"],
        "client_secret": client["client_secret"],
        "audience": audience,
    }
    answer = httpx.post(f"{said['issuer']}/oauth2/token", data=form, **options)
    assert answer.status_code == 200
    return answer.json()


def one_line(ended: subprocess.CompletedProcess[str], code: int) -> str:
    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr.count("\n") == 1
    return ended.stderr


# For programs


def test_json_is_one_line_with_all_that_a_program_needs() -> None:
    with serving("local", "--port", "0", "--json") as command:
        said = described(command)
        issuer, management = said["issuer"], said["management"]
        for application in said["applications"][:2]:
            answer = ask(said, application, AUDIENCE)
            assert answer["scope"].split() == application["apis"][0]["scopes"]
        token = ask(said, management, management["audience"])["access_token"]
        apis = httpx.get(f"{issuer}/api/v1/apis", headers={"Authorization": f"Bearer {token}"})
        assert AUDIENCE in {api["audience"] for api in apis.json()["apis"]}
    assert issuer.startswith("http://127.0.0.1:")
    environ, people = said.pop("environment"), said.pop("people")
    machine, front_end = said["applications"][0], said["applications"][-1]
    assert environ == {
        "KINDE_DOMAIN": issuer,
        "KINDE_ISSUER_URL": issuer,
        "KINDE_AUDIENCE": AUDIENCE,
        "KINDE_CLIENT_ID": machine["client_id"],
        "KINDE_CLIENT_SECRET": machine["client_secret"],
        "KINDE_MANAGEMENT_CLIENT_ID": management["client_id"],
        "KINDE_MANAGEMENT_CLIENT_SECRET": management["client_secret"],
        "KINDE_FRONTEND_CLIENT_ID": front_end["client_id"],
    }
    assert people[0]["email"] == "ada@example.com"
    assert {*people[0]} == {"id", "email", "organizations"}
    assert front_end.pop("client_secret") is None
    for client in (management, *said["applications"]):
        assert re.fullmatch("[0-9a-f]{32}", client.pop("client_id"))
        secret = client.pop("client_secret", None)
        assert client is front_end or re.fullmatch("[A-Za-z0-9]{52}", secret)
    nothing = [{"audience": AUDIENCE, "scopes": []}]
    assert said == {
        "issuer": issuer,
        "ca": None,
        "audience": AUDIENCE,
        "management": {"audience": f"{issuer}/api"},
        "applications": [
            {
                "name": "Back office",
                "type": "m2m",
                "apis": [{"audience": AUDIENCE, "scopes": list(SCOPES)}],
            },
            {
                "name": "Reporting",
                "type": "m2m",
                "apis": [{"audience": AUDIENCE, "scopes": ["read:users", "read:roles"]}],
            },
            {"name": "Website", "type": "reg", "apis": nothing},
            {"name": "Front end", "type": "spa", "apis": nothing},
        ],
    }


def test_json_over_tls_names_the_authority_to_trust_and_the_end_removes_it() -> None:
    with serving("local", "--port", "0", "--tls", "--json") as command:
        said = described(command)
        trusting = ssl.create_default_context(cafile=said["ca"])
        assert said["issuer"].startswith("https://127.0.0.1:")
        assert said["management"]["audience"] == f"{said['issuer']}/api"
        ask(said, said["applications"][0], AUDIENCE, verify=trusting)
        assert command.end_with(signal.SIGTERM) == (0, "")
    assert not Path(said["ca"]).parent.exists()


def test_without_a_management_application_json_says_null(tmp_path: Path) -> None:
    file = tmp_path / "kinde.db"
    with serving("local", "--port", "0", "--json", "--db", str(file)) as command:
        said = described(command)
    with Store(file) as store:
        store.delete_application(said["management"]["client_id"])
    with serving("local", "--port", "0", "--json", "--db", str(file)) as command:
        assert described(command)["management"] is None


# The file


def test_a_file_keeps_applications_keys_and_the_authority(tmp_path: Path) -> None:
    arguments = ("local", "--port", "0", "--tls", "--json", "--db", str(tmp_path / "kinde.db"))
    with serving(*arguments) as command:
        first = described(command)
        trusting = ssl.create_default_context(cafile=first["ca"])
        keys = httpx.get(first["issuer"] + JWKS, verify=trusting).json()
        assert command.end_with(signal.SIGINT) == (0, "")
    with serving(*arguments) as command:
        second = described(command)
        assert second["applications"] == first["applications"]
        assert second["ca"] == first["ca"] == str(tmp_path / "kinde.db.ca.pem")
        assert httpx.get(second["issuer"] + JWKS, verify=trusting).json() == keys


def test_without_a_file_nothing_is_written(tmp_path: Path) -> None:
    with serving("local", "--port", "0", "--json", TMPDIR=str(tmp_path)) as command:
        described(command)
        assert list(tmp_path.iterdir()) == []


# For a person


def test_the_screen_says_what_it_is_for_where_it_is_and_whom_to_be() -> None:
    with serving("local", "--port", "0") as command:
        lines = screen(command)
    issuer = re.escape(lines[1].split()[-1])
    secret = r"  client id      [0-9a-f]{32}\n  client secret  [A-Za-z0-9]{52}\n"
    expected = (
        "Local Kinde, a stand-in for a Kinde tenant: for development only\n"
        f"  issuer         {issuer}\n"
        f"  console        {issuer}/console\n"
        "  state          in memory, gone at the end\n"
        "\n"
        f"Back office\n{secret}"
        "  audience       https://api\\.demo\\.example\n"
        "  scopes         read:users create:users update:users delete:users read:roles\n"
        "                 update:roles\n"
        "\n"
        f"Reporting\n{secret}"
        "  audience       https://api\\.demo\\.example\n"
        "  scopes         read:users read:roles\n"
        "\n"
        f"Management: manages this tenant at {issuer}/api/v1\n{secret}"
        f"  audience       {issuer}/api\n"
        "  scopes         [0-9]{3}; the console lists them\n"
        "\n"
        "A token for Back office, in \\$TOKEN\n"
    )
    assert re.match(expected, "\n".join(lines))
    assert "  # TOKEN=$(kinde-guard token --user ada@example.com)" in lines
    assert lines[1].startswith("  issuer         http://127.0.0.1:")
    assert re.fullmatch(f"Open {issuer}/console to .*[.] Ctrl-C ends[.]", lines[-1])
    assert max(len(line) for line in lines) <= 80


@pytest.mark.parametrize("options", [[], ["--tls"]], ids=["http", "https"])
def test_the_command_on_the_screen_gets_a_token_as_it_is_pasted(
    options: list[str], tmp_path: Path
) -> None:
    # What is killed in the end cannot tidy up: the test's own folder is removed with the test.
    with serving("local", "--port", "0", *options, TMPDIR=str(tmp_path)) as command:
        text = "\n".join(screen(command))
        pasted = text.partition("in $TOKEN\n")[2].rpartition("\nOpen ")[0]
        ran = subprocess.run(
            ["bash", "-c", f'{pasted}\necho "$TOKEN"'],
            capture_output=True,
            text=True,
            env=environment(),
            timeout=30,
            check=True,
        )
    assert (ran.stdout.count("."), ran.stderr) == (2, "")


def test_the_screen_says_how_programs_come_to_trust_it(tmp_path: Path) -> None:
    folder = tmp_path / "with a space"
    folder.mkdir()
    file = folder / "kinde.db"
    with serving("local", "--port", "0", "--tls", "--db", str(file)) as command:
        lines = screen(command)
    ca = f"{folder}/kinde.db.ca.pem"
    assert lines[3] == f"  state          {file}"
    assert lines[5:10] == [
        "Programs that are to trust it need its certificate authority",
        f"  export SSL_CERT_FILE={shlex.quote(ca)}",
        f"  export REQUESTS_CA_BUNDLE={shlex.quote(ca)}",
        f"  export NODE_EXTRA_CA_CERTS={shlex.quote(ca)}",
        "  # The first two replace whatever Python trusts otherwise.",
    ]
    assert Path(ca).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_quietly_and_frees_the_port(number: int) -> None:
    with serving("local", "--port", "0") as command:
        issuer = command.wait_for("issuer").split()[-1]
        command.wait_for("Ctrl-C ends.")
        assert command.end_with(number) == (0, "")
    with pytest.raises(httpx.ConnectError):
        httpx.get(issuer)


# What cannot be


def test_taken_port_is_one_line_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("local", "--port", str(port))
    said = one_line(ended, 1)
    assert said.startswith(f"kinde-guard: Nothing can be served at 127.0.0.1 port {port}")
    assert "port 0 for a free one" in said


def test_host_beyond_loopback_is_one_line_and_exit_code_2() -> None:
    said = one_line(run("local", "--host", "0.0.0.0"), 2)
    assert said.startswith("kinde-guard: host must be a loopback address")
    assert "give --public-url URL too" in said


def test_a_file_that_is_no_tenants_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("Dear diary, " * 100)
    said = one_line(run("local", "--port", "0", "--db", str(file)), 2)
    assert said.startswith(f"kinde-guard: The file '{file}' is not a usable database")
    assert file.read_text() == "Dear diary, " * 100


def test_the_database_of_something_else_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE orders (id)")
    said = one_line(run("local", "--port", "0", "--db", str(file)), 2)
    assert "was not made by this version of local Kinde" in said
    assert "Name a file that does not exist yet" in said


@pytest.mark.parametrize(
    ("damage", "code", "message"),
    [
        ("UPDATE signing_keys SET pem = 'secret'", 2, "that is no RSA private key."),
        ("DROP TABLE signing_keys", 1, "kinde.db' cannot be used: no such table: signing_keys."),
    ],
)
def test_a_database_that_was_tampered_with_is_one_line_too(
    tmp_path: Path, damage: str, code: int, message: str
) -> None:
    file = tmp_path / "kinde.db"
    Tenant.open("http://127.0.0.1:8787", database=file).close()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(damage)
    said = one_line(run("local", "--port", "0", "--db", str(file)), code)
    assert said.rstrip().endswith(message)
    assert "secret" not in said


def test_a_folder_that_does_not_exist_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    said = one_line(run("local", "--port", "0", "--db", str(tmp_path / "nowhere" / "kinde.db")), 2)
    assert said.startswith("kinde-guard: The database")
    assert "cannot be opened" in said


def test_an_authority_that_cannot_be_read_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "kinde.db.ca.key").write_text("Dear diary")
    said = one_line(run("local", "--port", "0", "--tls", "--db", str(tmp_path / "kinde.db")), 1)
    assert "holds no certificate authority. Remove the file, and a new one is made." in said
