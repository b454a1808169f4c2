"""Metrics of a running daemon: messages counted over processes, kills, reloads; dashboards and rules that exist."""

import json
import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.client import letter, submit
from tests.e2e.conftest import ALICE, People
from tests.e2e.daemon import PLAIN, STRICT, SUPPORT, Daemon, poll
from tests.e2e.sink import Sink
from tests.interface import METRICS
from tests.letters import encrypted, head
from tests.metrics.parsing import Metric, parse

MONITORING = Path(__file__).parents[2] / "config" / "monitoring"
PREFIX = "smime_gateway_"


@pytest.fixture(scope="module")
def gateway(sink: Sink, people: People) -> Iterator[Daemon]:
    nobody = {"name": "web", "kind": "http", "domains": ["asked.example"], "url": "http://127.0.0.1:1/{address}"}
    with Daemon({"outbound": sink.port, "inbound": sink.port}, discovery={"sources": [nobody]}) as daemon:
        people.introduce(daemon)
        daemon.start()
        # Some series begin with their first message.
        asked = letter(to="bob@asked.example").content
        assert submit(daemon.doors["outbound"], asked, "bob@asked.example").code == 250
        opened = encrypted(head(to=SUPPORT), people.issued[SUPPORT])
        assert submit(daemon.doors["inbound"], opened, SUPPORT, sender=ALICE).code == 250
        yield daemon


def get(daemon: Daemon, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{daemon.metrics}{path}", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metrics(daemon: Daemon) -> dict[str, Metric]:
    status, text = get(daemon, "/metrics")
    assert status == 200
    return {name.removeprefix(PREFIX): metric for name, metric in parse(text).items()}


def relayed(daemon: Daemon) -> float:
    return metrics(daemon)["messages_total"].value(direction="outbound", front_end="smtp", verdict="relay")


def test_messages_are_counted(gateway: Daemon) -> None:
    before = metrics(gateway)
    door = gateway.doors["outbound"]
    assert submit(door, letter(sender=SUPPORT, to=ALICE).content, ALICE, sender=SUPPORT).code == 250
    assert submit(door, letter(sender=PLAIN).content, sender=PLAIN).code == 250
    assert (
        submit(door, letter(sender=STRICT, to="x@nowhere.example").content, "x@nowhere.example", sender=STRICT).code
        == 550
    )
    after = metrics(gateway)

    def grown(name: str, suffix: str = "", **labels: str) -> float:
        return after[name].value(suffix, **labels) - before[name].value(suffix, **labels)

    assert grown("messages_total", direction="outbound", front_end="smtp", verdict="relay") == 2
    assert grown("messages_total", direction="outbound", front_end="smtp", verdict="reject") == 1
    assert grown("signatures_total", direction="outbound", status="signed") == 1
    assert grown("encryptions_total", direction="outbound", status="encrypted") == 1
    assert grown("message_duration_seconds", "_count", direction="outbound") == 3
    assert grown("message_size_bytes", "_count", direction="outbound") == 3
    assert grown("stage_duration_seconds", "_count", stage="process") == 3
    assert grown("messages_total", direction="inbound", front_end="smtp", verdict="relay") == 0


def test_what_is_asked_for_at_a_scrape(gateway: Daemon, people: People) -> None:
    found = metrics(gateway)
    assert found["build_info"].labels()["version"]
    assert found["next_hop_up"].labels() == {"door": {"outbound", "inbound"}}
    assert found["certificates"].value(kind="own", state="current") == 2
    assert found["certificates"].value(kind="other", state="current") == len(people.issued) - 2
    assert found["certificates"].value(kind="authority", state="current") == 2
    assert found["config_reload_success"].value() == 1
    assert found["processes"].value(role="worker") == 2


def test_the_public_names_and_labels(gateway: Daemon) -> None:
    found = {name: set(metric.labels()) for name, metric in metrics(gateway).items()}
    assert found == METRICS


def test_numbers_are_kept_in_a_folder_of_this_run(sink: Sink) -> None:
    """Nobody else can read or write it, its files are as many as there are processes, and it goes with the service."""
    with Daemon({"outbound": sink.port}) as daemon:
        for _ in range(2):
            daemon.start()
            (folder,) = daemon.folder.glob("smime-gateway-metrics-*")
            assert folder.stat().st_mode & 0o777 == 0o700
            processes = {path.stem.rpartition("_")[2] for path in folder.iterdir()}
            assert processes >= {str(daemon.pid), *map(str, daemon.workers)}
            assert daemon.stop() == 0
            assert not folder.exists()


def test_health_and_readiness(gateway: Daemon) -> None:
    assert get(gateway, "/healthz") == (200, "ok\n")
    status, text = get(gateway, "/readyz")
    assert (status, json.loads(text)["ready"]) == (200, True)


def test_sessions_are_those_connected_now(gateway: Daemon) -> None:
    def sessions() -> float:
        return metrics(gateway)["sessions"].value(front_end="smtp")

    poll(lambda: sessions() == 0)
    with smtplib.SMTP("127.0.0.1", gateway.doors["outbound"]), smtplib.SMTP("127.0.0.1", gateway.doors["inbound"]):
        poll(lambda: sessions() == 2)
    poll(lambda: sessions() == 0)


def test_web_07_no_senders_name_comes_out(gateway: Daemon) -> None:
    """WEB-07: addresses, subjects and serials of mail under way are nowhere in the metrics."""
    sent = letter("References: <canary@canary.example>", sender="canary@canary.example", body="canary")
    assert (
        submit(gateway.doors["outbound"], sent.content, "canary@example.com", sender="canary@canary.example").code
        == 250
    )
    status, text = get(gateway, "/metrics")
    assert status == 200
    assert "canary" not in text
    assert "@" not in text
    assert "Ticket" not in text


def test_counters_survive_a_killed_worker_and_gauges_do_not(sink: Sink) -> None:
    with Daemon({"outbound": sink.port}) as daemon:
        daemon.start()
        for _ in range(10):
            assert submit(daemon.doors["outbound"], letter(sender=PLAIN).content, sender=PLAIN).code == 250
        assert relayed(daemon) == 10
        victims = daemon.workers
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        assert relayed(daemon) == 10
        poll(lambda: len(daemon.workers) == 2 and not set(daemon.workers) & set(victims))
        poll(lambda: metrics(daemon)["processes"].value(role="worker") == 2)
        assert relayed(daemon) == 10
        assert submit(daemon.doors["outbound"], letter(sender=PLAIN).content, sender=PLAIN).code == 250
        assert relayed(daemon) == 11
        assert metrics(daemon)["errors_total"].value(kind="child") == 2


def metrics_process(daemon: Daemon) -> int:
    (pid,) = daemon.children("metrics")
    return pid


def test_what_was_counted_outlives_who_tells_it(sink: Sink) -> None:
    """The numbers are in the files of those who count: a killed metrics process costs a scrape, and no mail."""
    with Daemon({"outbound": sink.port}) as daemon:
        daemon.start()
        door = daemon.doors["outbound"]
        assert submit(door, letter(sender=PLAIN).content, sender=PLAIN).code == 250
        assert relayed(daemon) == 1
        victim = metrics_process(daemon)
        os.kill(victim, signal.SIGKILL)
        assert submit(door, letter(sender=PLAIN).content, sender=PLAIN).code == 250
        poll(lambda: answers(daemon) and daemon.children("metrics") not in ([], [victim]))
        assert relayed(daemon) == 2
        os.kill(daemon.pid, signal.SIGKILL)
        poll(lambda: not answers(daemon), message="an orphan kept the listener")


def answers(daemon: Daemon) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", daemon.metrics)) == 0


def test_a_bad_configuration_is_seen(sink: Sink) -> None:
    with Daemon({"outbound": sink.port}) as daemon:
        daemon.start()
        good = daemon._config.read_text()
        daemon._config.write_text("workers: [")
        os.kill(daemon.pid, signal.SIGHUP)
        poll(lambda: metrics(daemon)["config_reload_success"].value() == 0)
        daemon._config.write_text(good)
        os.kill(daemon.pid, signal.SIGHUP)
        poll(lambda: metrics(daemon)["config_reload_success"].value() == 1)


def test_commands_count_nothing(gateway: Daemon, tmp_path: Path) -> None:
    """A command runs the same engine, and the daemon's numbers are the daemon's."""
    before = metrics(gateway)["messages_total"].samples
    path = tmp_path / "mail.eml"
    path.write_bytes(letter(sender=PLAIN).content)
    gateway.run("message", "process", "--direction", "outbound", "--sender", PLAIN, "--recipient", ALICE, path)
    assert metrics(gateway)["messages_total"].samples == before


# dashboards and rules


def expressions() -> Iterator[tuple[str, str]]:
    """Every PromQL text that is shipped, with its place."""
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        yield rule["alert"], rule["expr"]
    dashboard = json.loads((MONITORING / "smime-gateway.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]


_SELECTOR = re.compile(r"\b(smime_gateway_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)(=~|=|!=|!~)"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|without|on) \(([^)]*)\)")
OUTSIDE = {"instance", "job", "le"}
"""Labels that Prometheus adds, or that belong to a histogram."""


@pytest.fixture(scope="module")
def exposed(gateway: Daemon) -> dict[str, dict[str, set[str]]]:
    """The labels and values of every name that a running gateway exposes."""
    return {PREFIX + metric.name.removeprefix(PREFIX) + name.removeprefix(metric.name): metric.labels()
            for metric in metrics(gateway).values() for name in metric.names}  # fmt: skip


@pytest.mark.parametrize(("place", "expression"), list(expressions()))
def test_what_is_shipped_asks_for_what_exists(
    place: str, expression: str, exposed: dict[str, dict[str, set[str]]]
) -> None:
    selectors = _SELECTOR.findall(expression)
    assert selectors or 'up{job="smime-gateway"}' in expression, place
    labels: set[str] = set()
    for name, matchers in selectors:
        assert name in exposed, f"{place}: {name} does not exist"
        labels |= set(exposed[name])
        for label, operator, value in _MATCHER.findall(matchers):
            if label in OUTSIDE:
                continue
            assert label in exposed[name], f"{place}: {name} has no label {label}"
            values = value.split("|") if "~" in operator else [value]
            assert set(values) <= exposed[name][label], f"{place}: {label} is never {value}"
    for grouping in _GROUPING.findall(expression):
        assert set(re.split(r", *", grouping)) <= labels | OUTSIDE, f"{place}: {grouping}"
    assert expression.count("(") == expression.count(")")


def test_every_metric_is_shown(exposed: dict[str, dict[str, set[str]]]) -> None:
    """A metric that no panel and no rule looks at is one that nobody would miss."""
    used = {name for _, expression in expressions() for name, _ in _SELECTOR.findall(expression)}
    families = {re.sub("_(bucket|sum|count)$", "", name) for name in used}
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in exposed} == families


def test_what_texts_mention_exists() -> None:
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())
    names = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    assert len(set(names)) == len(names)
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("critical", "warning")
            assert set(rule["annotations"]) == {"summary", "description"}
            assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    if shutil.which("promtool"):
        subprocess.run(["promtool", "check", "rules", str(MONITORING / "alerts.yml")], check=True)


def test_the_dashboard_is_sound() -> None:
    document: dict[str, Any] = json.loads((MONITORING / "smime-gateway.json").read_text())
    panels = document["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_the_scrape_snippet_is_the_default_listener() -> None:
    document = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    (job,) = document["scrape_configs"]
    defaults = yaml.safe_load((MONITORING.parent / "gateway.yaml").read_text())
    assert job["static_configs"] == [{"targets": [defaults["metrics"]["listen"]]}]
    assert job["job_name"] == "smime-gateway"
