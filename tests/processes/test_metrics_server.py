"""The listener of metrics and health, in process: what it tells, what it withholds, what it puts up with."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config import Options, parse
from gateway.config.values import Endpoint
from gateway.metrics import PROCESSES, Role
from gateway.processes import health
from gateway.processes.health import Health
from gateway.processes.metrics_server import BOUNDS, metrics_server
from gateway.store import open_store
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.web.server import Bounds
from gateway.wiring import store_options
from tests.authority import NOT_AFTER, Authority
from tests.e2e.daemon import free_port
from tests.metrics.parsing import Growth, Metric
from tests.metrics.parsing import parse as read
from tests.smtp.fakes import INSTANCE, Hop, listening, run


class Site:
    """A gateway's metrics listener without its gateway; its worker lives as long as ``works`` says so."""

    def __init__(self, options: Options, bounds: Bounds) -> None:
        self.options = options
        self.works(True)
        self.health = Health(options, INSTANCE)
        self.server = metrics_server(self.health, bounds)
        self.port = free_port()

    def works(self, yes: bool) -> None:
        PROCESSES[Role.WORKER].set(yes)

    def bring(self, *contents: bytes) -> None:
        store = open_store(store_options(self.options), durable=False)
        for content in contents:
            import_file(store, content, [], ImportOptions())
        store.close()

    async def send(self, request: bytes) -> bytes:
        """Send raw bytes and return all that comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()

    async def get(self, path: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
        raw = await self.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        head, _, content = raw.partition(b"\r\n\r\n")
        status, *fields = head.decode().split("\r\n")
        return int(status.split(" ")[1]), dict(field.split(": ", 1) for field in fields), content.decode()

    async def metrics(self) -> dict[str, Metric]:
        status, fields, content = await self.get("/metrics")
        assert status == 200
        assert fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        return read(content)

    async def ready(self) -> tuple[int, dict[str, str]]:
        status, _, content = await self.get("/readyz")
        document: dict[str, Any] = json.loads(content)
        assert document["ready"] == (status == 200)
        return status, document["checks"]


@asynccontextmanager
async def site(folder: Path, hop_port: int | None = None, bounds: Bounds = BOUNDS, **more: Any) -> AsyncIterator[Site]:
    async with listening(Hop()) as hop:
        door = {"name": "in", "direction": "inbound", "listen": "127.0.0.1:1"}
        document = {
            "hostname": "gw.example.org",
            "state": str(folder / "state"),
            "listeners": [door | {"next_hop": f"127.0.0.1:{hop_port or hop.port}"}],
        }
        made = Site(parse(yaml.safe_dump(document | more)), bounds)
        serving = asyncio.create_task(made.server.serve_at(Endpoint("127.0.0.1", made.port)))
        while not made.server.started:
            await asyncio.sleep(0.01)
        try:
            yield made
        finally:
            made.server.should_exit = True
            await serving
            made.works(False)


def story(tell: Callable[..., Any], *values: Any, **more: Any) -> None:
    async def whole() -> None:
        async with site(*values, **more) as it:
            await tell(it)

    run(whole())


def test_everything_well(tmp_path: Path, authority: Authority) -> None:
    async def tell(it: Site) -> None:
        own = authority.leaf("support@example.org", kind="p256")
        it.bring(authority.root.pem(), own.pem() + own.key_pem(), authority.leaf("a@example.com", kind="p256").pem())
        metrics = await it.metrics()
        assert metrics["smime_gateway_next_hop_up"].value(door="in") == 1
        assert metrics["smime_gateway_held_messages"].value() == 0
        certificates = metrics["smime_gateway_certificates"]
        counts = {kind: certificates.value(kind=kind, state="current") for kind in ("own", "other", "authority")}
        assert counts == {"own": 1, "other": 1, "authority": 1}
        assert await it.ready() == (200, dict.fromkeys(("doors", "store", "keys", "certificates", "next_hops"), "ok"))
        assert (await it.get("/healthz"))[::2] == (200, "ok\n")

    story(tell, tmp_path)


def test_certificates_near_their_end(tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    async def tell(it: Site) -> None:
        own = authority.leaf("support@example.org", kind="p256")
        it.bring(own.pem() + own.key_pem())
        for ahead, week, month in ((31, 0, 0), (29, 0, 1), (6, 1, 1)):
            monkeypatch.setattr(health, "now", lambda ahead=ahead: NOT_AFTER - health.timedelta(days=ahead))
            it.health._until = 0
            expiring = (await it.metrics())["smime_gateway_certificates_expiring"]
            assert [expiring.value(kind="own", within=within) for within in ("7d", "30d")] == [week, month]
            assert (await it.ready())[1]["certificates"] == "ok"
        monkeypatch.setattr(health, "now", lambda: NOT_AFTER + health.timedelta(days=1))
        it.health._until = 0
        metrics = await it.metrics()
        assert metrics["smime_gateway_certificates"].value(kind="own", state="expired") == 1
        # Without a successor it is told until somebody cures it.
        assert metrics["smime_gateway_certificates_expiring"].value(kind="own", within="7d") == 1
        status, checks = await it.ready()
        assert (status, checks["certificates"], checks["store"]) == (503, "failed", "ok")

    story(tell, tmp_path)


def test_rel_04_a_next_hop_that_is_down_is_seen(tmp_path: Path) -> None:
    """REL-04: metrics and readiness show it; health does not: a restart would not help."""

    async def tell(it: Site) -> None:
        assert (await it.metrics())["smime_gateway_next_hop_up"].value(door="in") == 0
        status, checks = await it.ready()
        assert (status, checks["next_hops"], checks["store"]) == (503, "failed", "ok")
        assert (await it.get("/healthz"))[0] == 200

    story(tell, tmp_path, free_port())


def test_without_workers_neither_healthy_nor_ready(tmp_path: Path) -> None:
    async def tell(it: Site) -> None:
        it.works(False)
        assert (await it.get("/healthz"))[0] == 503
        status, checks = await it.ready()
        assert (status, checks["doors"]) == (503, "failed")

    story(tell, tmp_path)


def test_a_store_that_cannot_be_asked_leaves_the_rest_told(tmp_path: Path) -> None:
    async def tell(it: Site) -> None:
        (tmp_path / "state").write_text("not a folder")
        growth = Growth()
        metrics = await it.metrics()
        assert "smime_gateway_held_messages" not in metrics
        assert growth["errors_total"].value(kind="store") == 1
        assert metrics["smime_gateway_next_hop_up"].value(door="in") == 1
        status, checks = await it.ready()
        assert (status, checks["store"], checks["keys"]) == (503, "failed", "failed")
        (tmp_path / "state").unlink()
        it.health._until = 0
        assert (await it.ready())[0] == 200

    story(tell, tmp_path)


def test_a_key_that_is_gone_is_not_ready(tmp_path: Path, authority: Authority) -> None:
    """Running workers have it in memory; whoever starts next has not."""

    async def tell(it: Site) -> None:
        own = authority.leaf("support@example.org", kind="p256")
        it.bring(own.pem() + own.key_pem())
        assert (await it.ready())[0] == 200
        (tmp_path / "state" / "kek").unlink()
        it.health._until = 0
        status, checks = await it.ready()
        assert (status, checks["keys"], checks["store"]) == (503, "failed", "ok")

    story(tell, tmp_path)


def test_however_many_ask_one_look_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[object] = []
    seen = health._seen

    def counted(*arguments: Any) -> Any:
        looks.append(arguments)
        return seen(*arguments)

    monkeypatch.setattr(health, "_seen", counted)

    async def tell(it: Site) -> None:
        await asyncio.gather(*(it.get(path) for path in ("/metrics", "/readyz") for _ in range(5)))
        assert len(looks) == 1

    story(tell, tmp_path)


def test_web_06_nothing_leaks(tmp_path: Path) -> None:
    """WEB-06: no version but where it is asked for, no path, host or address in any answer."""

    async def tell(it: Site) -> None:
        (tmp_path / "state").write_text("not a folder")
        for path in ("/healthz", "/readyz", "/nothing", "/../etc/passwd"):
            status, fields, content = await it.get(path)
            told = str(fields) + content
            assert status != 500
            assert "server" not in fields
            assert not any(
                word in told for word in (str(tmp_path), "127.0.0.1", "gw.example.org", "Traceback", "0.1.0")
            )

    story(tell, tmp_path)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET /nothing HTTP/1.1", 404),
        (b"GET /healthz?x=1 HTTP/1.0", 200),
        (b"GET /metrics/ HTTP/1.1", 404),
        (b"POST /healthz HTTP/1.1", 405),
        (b"DELETE /metrics HTTP/1.1", 405),
        (b"OPTIONS * HTTP/1.1", 404),
        (b"GET /healthz HTTP/2", 400),
        (b"GET /healthz", 400),
        (b"", 400),
        (b"GET /\xff\x00 HTTP/1.1", 400),
        (b"GET /" + b"a" * 2 * BOUNDS.size + b" HTTP/1.1", 404),
    ],
)
def test_odd_requests(line: bytes, status: int, tmp_path: Path) -> None:
    async def tell(it: Site) -> None:
        answer = await it.send(line + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 %d " % status)

    story(tell, tmp_path)


def test_head_is_get_without_content(tmp_path: Path) -> None:
    async def tell(it: Site) -> None:
        _, fields, content = await it.get("/healthz", "HEAD")
        assert (fields["content-length"], content) == ("3", "")

    story(tell, tmp_path)


def test_clients_that_say_nothing_are_sent_away(tmp_path: Path) -> None:
    async def tell(it: Site) -> None:
        assert await it.send(b"GET /healthz HTTP/1.1\r\n") == b""

    story(tell, tmp_path, bounds=replace(BOUNDS, head=0.2))


def test_the_number_of_clients_is_bounded(tmp_path: Path) -> None:
    async def tell(it: Site) -> None:
        connected = it.server.server_state.connections
        silent = [await asyncio.open_connection("127.0.0.1", it.port) for _ in range(BOUNDS.connections)]
        while len(connected) < BOUNDS.connections:
            await asyncio.sleep(0.01)
        assert await it.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        for _, writer in silent:
            writer.close()
        while connected:
            await asyncio.sleep(0.01)
        assert (await it.get("/healthz"))[0] == 200

    story(tell, tmp_path)


def test_a_bug_in_one_page_is_a_500_without_details(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def tell(it: Site) -> None:
        async def broken() -> dict[str, bool]:
            raise ValueError("secret detail")

        monkeypatch.setattr(it.health, "checks", broken)
        status, _, content = await it.get("/readyz")
        assert (status, content) == (500, "internal error\n")
        assert (await it.get("/healthz"))[0] == 200

    story(tell, tmp_path)
