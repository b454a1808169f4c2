"""What the pages show is run: the client of docs/api.md, and nginx as docs/installation.md sets it up."""

import re
import resource
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.authority import Authority
from tests.e2e.daemon import free_port, poll
from tests.tools import missing
from tests.web.conftest import ALICE, SUPPORT
from tests.web.serving import Served

DOCS = Path(__file__).parents[2] / "docs"


def block(page: str, language: str, number: int = 0) -> str:
    """A code block of a page, by its language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)[number]


@pytest.fixture(scope="module")
def client() -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "client"}
    exec(compile(block("api.md", "python"), "api.md", "exec"), names)
    return names


def test_the_client_of_the_page(served: Served, client: dict[str, Any]) -> None:
    gateway = client["Gateway"](served.url, served.token)
    lock = gateway.lock(SUPPORT, ALICE, "bob@example.com")
    assert (lock.signed, lock.encrypted, lock.missing) == (True, False, {"bob@example.com": "no-certificate"})
    assert len(list(gateway.all("/certificates", limit=1))) == 3
    with pytest.raises(client["Problem"], match="404 not-found"):
        gateway.call("GET", f"/certificates/{'ab' * 32}")
    assert len(block("api.md", "python").splitlines()) <= 65


def test_nginx_as_the_page_sets_it_up(served: Served, tmp_path: Path, authority: Authority) -> None:
    if shutil.which("nginx") is None:
        missing("the nginx command")
    port = free_port()
    pair = authority.leaf("gw@example.org", kind="p256")
    (tmp_path / "pem").write_bytes(pair.pem())
    (tmp_path / "key").write_bytes(pair.key_pem())
    server = block("installation.md", "nginx")
    for written, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/gw.example.org.pem", str(tmp_path / "pem")),
        ("/etc/ssl/private/gw.example.org.key", str(tmp_path / "key")),
        ("http://127.0.0.1:9425", served.url),
    ):
        assert written in server
        server = server.replace(written, here)
    paths = "".join(
        f"{name}_temp_path {tmp_path / name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path / 'pid'}; error_log {tmp_path / 'log'}; events {{}}\n"
        f"http {{ access_log off; {paths} {server} }}\n"
    )
    process = subprocess.Popen(["nginx", "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "log")])
    try:
        poll(lambda: _listens(port))
        curl = ["curl", "-sk", "-H", f"Authorization: Bearer {served.token}", "-H", "X-Forwarded-For: 192.0.2.77"]
        answer = subprocess.run(
            [*curl, "-i", f"https://127.0.0.1:{port}/api/v1/health"], capture_output=True, text=True
        )
        assert "200 OK" in answer.stdout
        assert "strict-transport-security" in answer.stdout.lower()  # it knows that the browser speaks TLS
    finally:
        process.terminate()
        process.wait(10)


def test_web_04_what_is_far_too_large_takes_no_memory(served: Served, tmp_path: Path) -> None:
    """WEB-04: 200 MB are 413, and this process, in which the server runs, grows by less than two of its bounds."""
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(200_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for way in (["-F", f"file=@{large}"], ["-H", "Transfer-Encoding: chunked", "-F", f"file=@{large}"]):
        asked = [
            "curl",
            "-s",
            "-H",
            f"Authorization: Bearer {served.token}",
            "-H",
            "Expect:",
            "-w",
            "%{http_code}",
            *way,
        ]
        done = subprocess.run([*asked, f"{served.url}/api/v1/certificates"], capture_output=True, text=True)
        assert done.stdout.endswith("413"), done.stdout[-300:]
        assert "too-large" in done.stdout
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 128 * 1024


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
