"""The production example: its files agree with one another, and its processes do what it says."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

import kinde_guard
from kinde_guard import KindeGuard
from kinde_guard.local import LocalKinde
from kinde_guard.prometheus import GuardCollector
from tests.watching.production_example import (
    EXAMPLE,
    GUIDE,
    ROOT,
    Process,
    commands,
    environment,
    free_ports,
    has_redis,
    is_served,
    running,
    samples,
)

NEEDS_REDIS = pytest.mark.skipif(not has_redis(), reason="no redis-server on this machine")
NEEDS_REVOCATIONS = pytest.mark.skipif(
    "RedisRevocations" not in dir(kinde_guard), reason="revocations are not part of the package"
)


def document(name: str) -> Any:
    return yaml.safe_load((EXAMPLE / name).read_text())


@pytest.fixture(scope="module")
def compose() -> Any:
    return document("compose.yaml")


@pytest.fixture(scope="module")
def kinde() -> Iterator[LocalKinde]:
    with LocalKinde() as kinde:
        yield kinde


# The files


def test_every_yaml_and_json_file_can_be_read() -> None:
    for path in [*EXAMPLE.rglob("*.yaml"), *EXAMPLE.rglob("*.yml")]:
        assert list(yaml.safe_load_all(path.read_text()))
    for path in EXAMPLE.rglob("*.json"):
        assert json.loads(path.read_text())


def test_guide_names_every_file() -> None:
    for path in EXAMPLE.rglob("*"):
        if path.is_file() and path.name != "README.md" and "__pycache__" not in path.parts:
            assert path.relative_to(EXAMPLE).as_posix() in GUIDE


def test_compose_file_names_files_and_services_that_exist(compose: Any) -> None:
    services = compose["services"]
    assert set(services) == {"kinde", "api", "proxy", "valkey", "prometheus"}
    for service in services.values():
        assert set(service) <= {
            *("image", "build", "command", "environment", "volumes", "ports", "healthcheck"),
            "depends_on",
        }
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (EXAMPLE / source).is_file()
        assert set(service.get("depends_on", [])) <= set(services)
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    build = services["api"]["build"]
    assert (EXAMPLE / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()


def test_compose_file_gives_every_worker_a_port_that_prometheus_scrapes(compose: Any) -> None:
    api = compose["services"]["api"]
    first, last = map(int, api["environment"]["METRICS_PORTS"].split("-"))
    ports = range(first, last + 1)
    assert f"--workers={len(ports)}" in api["command"]
    (job,) = document("prometheus.yml")["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"api:{port}" for port in ports]}]


def test_compose_file_lets_the_api_reach_local_kinde_and_valkey_by_their_names(
    compose: Any,
) -> None:
    environ, services = compose["services"]["api"]["environment"], compose["services"]
    kinde, valkey = services["kinde"]["command"], services["valkey"]["command"]
    assert f"--public-url={environ['KINDE_DOMAIN']}" in kinde
    assert environ["KINDE_HTTP_HOSTS"] == "kinde"
    assert environ["KINDE_REVOCATIONS_URL"].startswith("redis://valkey:")
    assert "--maxmemory-policy noeviction" in valkey
    settings = {"domain": environ["KINDE_DOMAIN"], "http_hosts": ("kinde",)}
    assert KindeGuard(**settings, audience=environ["KINDE_AUDIENCE"]).issuer == "http://kinde:8787"


def test_proxy_takes_off_the_prefix_that_the_api_is_told_of(compose: Any) -> None:
    proxy = (EXAMPLE / "proxy.conf").read_text()
    assert "location /api/ {" in proxy
    assert "proxy_pass http://api:8000/;" in proxy
    assert {"--root-path=/api", "--port=8000"} <= set(compose["services"]["api"]["command"])


def test_kubernetes_asks_for_keys_before_traffic_and_never_restarts_for_them() -> None:
    path = EXAMPLE / "kubernetes" / "api.yaml"
    deployment, service = yaml.safe_load_all(path.read_text())
    assert (deployment["kind"], deployment["apiVersion"]) == ("Deployment", "apps/v1")
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels == service["spec"]["selector"]
    (container,) = template["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "http"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/live", "port": "http"}
    assert f"--port={ports['http']}" in container["args"]
    assert not [argument for argument in container["args"] if argument.startswith("--workers")]
    scraped = template["metadata"]["annotations"]["prometheus.io/port"]
    environ = {each["name"]: each.get("value") for each in container["env"]}
    assert environ["METRICS_PORTS"] == f"{scraped}-{scraped}"
    assert ports["metrics"] == int(scraped)
    assert service["spec"]["ports"][0]["targetPort"] == "http"


def test_alerts_and_dashboard_use_metrics_that_there_are() -> None:
    registry = CollectorRegistry()
    registry.register(GuardCollector(KindeGuard("acme.kinde.com", audience="x")))
    shown = set(re.findall(r"^# TYPE (\w+)", generate_latest(registry).decode(), re.MULTILINE))
    rules = [rule for group in document("alerts.yml")["groups"] for rule in group["rules"]]
    panels = json.loads((EXAMPLE / "dashboard.json").read_text())["panels"]
    expressions = [rule["expr"] for rule in rules]
    expressions += [target["expr"] for panel in panels for target in panel["targets"]]
    used = {name for each in expressions for name in re.findall(r"kinde_guard_\w+", each)}
    assert used == shown
    assert [rule["alert"] for rule in rules] == re.findall(r"^\| `(Kinde\w+)`", GUIDE, re.MULTILINE)
    for expression in expressions:
        assert expression.count("(") == expression.count(")")
    for rule in rules:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}


def test_dashboard_has_what_grafana_asks_of_one() -> None:
    dashboard = json.loads((EXAMPLE / "dashboard.json").read_text())
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= set(dashboard)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in dashboard["panels"]:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert {"title", "type", "gridPos", "fieldConfig", "targets"} <= set(panel)


# The processes


class Guide:
    """The guide's commands, with ports that are free here."""

    def __init__(self, kinde: LocalKinde, folder: Path) -> None:
        self.api, self.redis, *self.metrics = free_ports(4)
        self.folder = folder
        self.environ = environment(kinde)
        names = [name for name in self.environ if name.startswith("KINDE_")]
        lines = [f"{name}='{self.environ[name]}'\n" for name in names]
        (folder / ".env.kinde").write_text("".join(lines))

    def block(self, words: str) -> str:
        """Return the only block that holds these words."""
        (code,) = [block for block in commands() if words in block]
        replaced = {
            "9101-9102": f"{self.metrics[0]}-{self.metrics[1]}",
            "9101": str(self.metrics[0]),
            "9102": str(self.metrics[1]),
            "8000": str(self.api),
            "6379": str(self.redis),
            "./.env.kinde": str(self.folder / ".env.kinde"),
        }
        pattern = re.compile("|".join(map(re.escape, replaced)))
        return pattern.sub(lambda match: replaced[match.group()], code)

    def without_revocations(self, words: str) -> str:
        return re.sub(r"KINDE_REVOCATIONS_URL=\S+", "", self.block(words))

    def run(self, code: str) -> list[str]:
        """Run a block to its end, and return what it printed, an answer a line."""
        code = code.replace("curl -s ", "curl -s -w '\\n' ")
        done = subprocess.run(
            ["bash", "-e", "-c", code],
            env=self.environ,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api}"

    def is_up(self) -> bool:
        return all(
            is_served(url)
            for url in (
                f"{self.url}/live",
                *(f"http://127.0.0.1:{port}/metrics" for port in self.metrics),
            )
        )


@pytest.fixture
def guide(kinde: LocalKinde, tmp_path: Path) -> Guide:
    return Guide(kinde, tmp_path)


@pytest.fixture(scope="module")
def served_guide(kinde: LocalKinde, tmp_path_factory: pytest.TempPathFactory) -> Guide:
    return Guide(kinde, tmp_path_factory.mktemp("guide"))


@pytest.fixture(scope="module")
def serving(served_guide: Guide) -> Iterator[Process]:
    """The API with two workers, started as the guide starts it."""
    code = served_guide.without_revocations("uvicorn")
    with running(code, served_guide.environ, served_guide.folder / "api.log") as process:
        process.wait_for(served_guide.is_up)
        yield process


def test_workers_log_and_count_what_they_reject(
    served_guide: Guide, serving: Process, kinde: LocalKinde
) -> None:
    good, poor, without = served_guide.run(served_guide.block("-X DELETE"))
    client_id = served_guide.environ["KINDE_CLIENT_ID"]
    assert json.loads(good) == {"asked_by": client_id}
    assert json.loads(poor)["required_scopes"] == ["delete:users"]
    assert json.loads(without)["reason"] == "missing_token"
    serving.wait_for(lambda: serving.log.count("kinde_guard.refusals") == 2)
    lines = [line for line in serving.log.splitlines() if "kinde_guard.refusals" in line]
    told = Counter(line.split(" kinde_guard.refusals ")[1].split(" token=")[0] for line in lines)
    forbidden = f"403 insufficient_scope DELETE /users/{{user_id}} client={client_id}"
    assert told == {forbidden: 1, "401 missing_token GET /api/users": 1}

    counts: Counter[str] = Counter()
    for port in served_guide.metrics:
        counts.update(Counter(samples(port)))
    assert counts["kinde_guard_verified_total"] == 2
    assert counts["kinde_guard_rejected_total insufficient_scope"] == 1
    assert counts["kinde_guard_rejected_total missing_token"] == 1
    scraped = "\n".join(served_guide.run(served_guide.block("/metrics")))
    assert scraped.count("# TYPE kinde_guard_verified_total counter") == 2
    assert scraped.count("# TYPE kinde_guard_key_age_seconds gauge") == 2


def test_probes_and_docs_are_public_behind_a_prefix(served_guide: Guide, serving: Process) -> None:
    with httpx.Client(base_url=served_guide.url, trust_env=False) as client:
        assert client.get("/ready").status_code == 204
        assert client.get("/live").status_code == 204
        assert client.get("/docs").status_code == 200
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/api"}]
        assert client.get("/users").status_code == 401


def test_process_without_keys_is_alive_and_becomes_ready_by_itself(
    guide: Guide, kinde: LocalKinde
) -> None:
    kinde.stop()
    code = guide.without_revocations("uvicorn")
    try:
        with running(code, guide.environ, guide.folder / "api.log") as process:
            process.wait_for(guide.is_up)
            with httpx.Client(base_url=guide.url, trust_env=False) as client:
                assert client.get("/live").status_code == 204
                assert client.get("/ready").status_code == 503
                kinde.start()
                process.wait_for(lambda: client.get("/ready").status_code == 204)
    finally:
        kinde.start()


def test_worker_without_a_free_port_says_which_setting_is_too_small(guide: Guide) -> None:
    first, last = guide.metrics
    code = guide.without_revocations("uvicorn").replace(f"{first}-{last}", f"{first}-{first}")
    code = code.replace("--workers 2", "--workers 1")
    with running(code, guide.environ, guide.folder / "api.log") as process:
        process.wait_for(lambda: is_served(f"http://127.0.0.1:{first}/metrics"))
        again = code.replace(f"--port {guide.api}", f"--port {guide.redis}")
        with running(again, guide.environ, guide.folder / "again.log") as second:
            assert second.wait_for_end() != 0
            assert f"METRICS_PORTS: no port of {first}-{first} is free" in second.log


@NEEDS_REDIS
@NEEDS_REVOCATIONS
def test_revoked_client_is_rejected_by_every_worker_within_two_seconds(guide: Guide) -> None:
    redis = guide.block("redis-server")
    with (
        running(f"cd {guide.folder} && {redis}", guide.environ, guide.folder / "redis.log"),
        running(guide.block("uvicorn"), guide.environ, guide.folder / "api.log") as process,
    ):
        process.wait_for(guide.is_up)
        token = guide.run(guide.block("-X DELETE") + 'echo "$TOKEN"')[-1]
        code = f'TOKEN="{token}"\n{guide.block("revoke client")}'
        assert json.loads(guide.run(code)[-1])["reason"] == "revoked_token"
        headers = {"Authorization": f"Bearer {token}"}
        deadline = time.monotonic() + 5
        while not all(
            samples(port).get("kinde_guard_rejected_total revoked_token") for port in guide.metrics
        ):
            assert time.monotonic() < deadline
            answer = httpx.get(f"{guide.url}/users", headers=headers, trust_env=False)
            assert answer.status_code == 401
