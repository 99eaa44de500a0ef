"""Environments that commands meet: proxies, certificates, code pages, byte order marks, loading."""

from __future__ import annotations

import codecs
import io
import subprocess
import sys
from pathlib import Path

import pytest

from kinde_guard.local import LocalKinde
from tests.cli.inspected import CLEAN, Command, command_in, module
from tests.cli.processes import COMMAND, environment, run

COMMANDS = [("doctor",), ("token",), ("scopes", "list"), ("explain", "x")]
TENANT = {
    "KINDE_DOMAIN": "acme.kinde.com",
    "KINDE_AUDIENCE": "https://api.acme.com",
    "KINDE_CLIENT_ID": "id",
    "KINDE_CLIENT_SECRET": "secret",
}


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    return command_in(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("arguments", COMMANDS)
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:9", "a SOCKS proxy needs httpx with its extra socks"),
        ("HTTPS_PROXY", "ftp://me:pass@a:1", "no HTTP client can be made with it (Unknown scheme"),
        ("HTTP_PROXY", "127.0.0.1:port", "no HTTP client can be made with it (Invalid port"),
        ("SSL_CERT_FILE", "/nowhere.pem", "'/nowhere.pem' does not exist"),
        ("SSL_CERT_FILE", __file__, "no certificates can be read"),
    ],
)
def test_network_settings_that_cannot_be_used_are_one_line_that_names_them(
    command: Command,
    arguments: tuple[str, ...],
    name: str,
    value: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for proxy in ("all_proxy", "http_proxy", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    code, out, err = command(*arguments, **TENANT, **{name: value})
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"kinde-guard: {name}: {message}")
    assert err.endswith("; correct the variable or unset it\n")
    assert "pass" not in err


def test_code_page_of_windows_prints_what_it_has_and_question_marks(
    tmp_path: Path,
) -> None:
    (tmp_path / "shop.py").write_text(
        CLEAN.replace("ISSUER", "acme.kinde.com").replace("List users", "List \u0142\u00f3d\u017a"),
        encoding="utf-8",
    )
    for form in ("table", "markdown", "json"):
        ended = subprocess.run(
            [*COMMAND, "routes", "shop:app", "--format", form],
            env=environment(PYTHONIOENCODING="cp1252"),
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (ended.returncode, b"Traceback" in ended.stderr) == (0, False)
        assert form == "json" or "?\u00f3d?" in ended.stdout.decode("cp1252")


@pytest.mark.parametrize(
    "data",
    [
        b"%s",
        codecs.BOM_UTF8 + b"%s\r\n",
        codecs.BOM_UTF16_LE + "%s".encode("utf-16-le"),
    ],
    ids=["plain", "utf-8", "utf-16"],
)
def test_byte_order_mark_before_a_token_on_standard_input_is_taken_off(
    kinde: LocalKinde, command: Command, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    token = kinde.token().encode()
    wide = data.startswith(codecs.BOM_UTF16_LE)
    text = codecs.BOM_UTF16_LE + token.decode().encode("utf-16-le") if wide else data % token
    stdin = io.TextIOWrapper(io.BytesIO(text), encoding="cp1252")
    monkeypatch.setattr(sys, "stdin", stdin)
    environ = {"KINDE_DOMAIN": kinde.issuer, "KINDE_AUDIENCE": kinde.audience}
    assert command("explain", "-", **environ)[0] == 0


def test_module_that_is_not_there_is_one_line_without_a_place(command: Command) -> None:
    assert command("routes", "nowhere:app") == (
        2,
        "",
        "kinde-guard: nowhere:app: importing nowhere failed: ModuleNotFoundError: No module named"
        " 'nowhere'\n",
    )


def test_error_of_a_module_is_one_line_with_its_place_in_the_module(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text("import json\n\njson.loads('{')\n")
    code, out, err = command("routes", "broken:app")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.endswith(f"({tmp_path / 'broken.py'}, line 3)\n")


def test_route_for_any_token_is_advised_to_be_allowed(command: Command, tmp_path: Path) -> None:
    address = module("clean", CLEAN, tmp_path)
    source = (tmp_path / "clean.py").read_text()
    (tmp_path / "clean.py").write_text(
        source + "\n@app.get('/me', dependencies=[Depends(current_token)])\ndef me(): ...\n"
    )
    code, out, _ = command("routes", address, "--check", COLUMNS="200")
    assert code == 1
    assert 'if it is intended: --allow "GET /me"' in out
    assert command("routes", address, "--check", "--allow", "GET /me")[0] == 0


def test_reader_that_ends_early_is_no_error() -> None:
    ended = subprocess.run(
        ["sh", "-c", '"$@" | true', "sh", *COMMAND, "--help"],
        env=environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.stderr == b""


def test_no_message_names_a_package_to_install() -> None:
    package = Path(sys.modules["kinde_guard"].__file__ or "").parent
    for file in (package / "cli").rglob("*.py"):
        assert "kinde-guard[" not in file.read_text(encoding="utf-8"), file


def test_doctor_asks_whether_local_kinde_runs() -> None:
    ended = run("doctor", **TENANT | {"KINDE_DOMAIN": "http://127.0.0.1:1"})
    assert ended.returncode == 1
    assert "is `kinde-guard local` running?" in ended.stdout
