"""What an answer of the API takes: ``python -m benchmarks.api [--rows N…]``.

For each number of stored certificates (1,000 and 100,000) a server in a process of its own is asked over one kept
connection, one question after the other: the composer's, with two recipients, a page of certificates, and a filtered
one. Prints median, 95th percentile and the process's CPU time in milliseconds, and its resident memory.
"""

import argparse
import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

from benchmarks import certificates
from benchmarks.process import cpu_of
from gateway.admin import tokens
from gateway.admin.actor import Actor, ActorKind
from gateway.admin.permission import Permission
from gateway.admin.tokens import TokenWish
from gateway.config import Options, parse
from gateway.config.values import Endpoint
from gateway.wiring import Wiring
from tests.e2e.daemon import free_port, poll
from tests.web.conftest import Well

ROUNDS = 200
GROUP = "groups: [{name: support, addresses: [support@example.org]}]\n"


def main() -> None:
    """Fill, serve, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000, 100_000])
    print(f"{'milliseconds':>12}  {'':24}{'median':>10}{'95 %':>10}{'CPU':>10}")
    for rows in parser.parse_args().rows:
        with TemporaryDirectory() as folder:
            options = parse(f"hostname: gw.example.org\nstate: {folder}/state\n{GROUP}")
            secret = _filled(options, rows)
            with _served(options) as (pid, port):
                _measure(rows, pid, port, secret)
                print(f"{rows:>12}  {'resident memory':24}{_resident(pid):10.0f} MB")


def _filled(options: Options, rows: int) -> str:
    wiring = Wiring(options=options)
    certificates.fill(wiring.store, rows)
    actor = Actor("bench", ActorKind.SYSTEM_USER)
    secret = tokens.create(wiring, actor, TokenWish("bench", [Permission.ADMIN])).token
    wiring.close()
    return secret


@contextmanager
def _served(options: Options) -> Iterator[tuple[int, int]]:
    port = free_port()
    pid = os.fork()
    if pid == 0:
        _serve(options, port)
        os._exit(0)
    poll(lambda: _answers(port))
    try:
        yield pid, port
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _serve(options: Options, port: int) -> None:
    from gateway.web.app import create_app
    from gateway.web.server import Bounds, Server
    from gateway.web.site import Site

    async def run() -> None:
        site = Site(Wiring(options=options), Well())
        await Server("bench", create_app(site), Bounds(20)).serve_at(Endpoint("127.0.0.1", port))

    asyncio.run(run())


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _measure(rows: int, pid: int, port: int, secret: str) -> None:
    recipients = [certificates.address(certificates.AUTHORITIES + place) for place in (rows // 3, rows // 2)]
    question = json.dumps({"sender": "support@example.org", "recipients": recipients}).encode()
    asked = {
        "check": ("POST", "/check", question),
        "a page of certificates": ("GET", "/certificates", None),
        "a filtered page": ("GET", f"/certificates?filter={recipients[0].partition('@')[0]}", None),
    }
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    for name, (method, path, body) in asked.items():
        took, spent = [], cpu_of([pid])
        for _ in range(ROUNDS if method == "POST" else ROUNDS // 4):
            began = time.perf_counter()
            connection.request(method, f"/api/v1{path}", body, headers)
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status == 200, content
            took.append((time.perf_counter() - began) * 1000)
        steps = quantiles(took, n=20)
        cpu = (cpu_of([pid]) - spent) / len(took) * 1000
        print(f"{rows:>12}  {name:24}{steps[9]:10.1f}{steps[18]:10.1f}{cpu:10.1f}", flush=True)


def _resident(pid: int) -> float:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024


if __name__ == "__main__":
    main()
