"""Real DNS on loopback: knot serves zones, one of them signed, and unbound validates."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tests.e2e.daemon import free_port
from tests.lookup.server import serving
from tests.tools import missing

SIGNED, PLAIN, BROKEN = "signed.example", "plain.example", "broken.example"
"""Zones; the resolver expects another key of the last than it is signed with."""
_HEAD = """$ORIGIN {zone}.
$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
"""
Records = Mapping[str, Sequence[str]]
"""Addresses, and the data of their SMIMEA records."""


@dataclass(frozen=True)
class Dns:
    """``resolver``: the port of the one that validates; ``server``: of the one that only serves."""

    resolver: int
    server: int


def whole(der: bytes, usage: int = 3) -> str:
    """The data of a record with a whole certificate."""
    return f"{usage} 0 0 {der.hex()}"


@contextmanager
def zones(records: Records, more: Mapping[str, Sequence[str]] | None = None) -> Iterator[Dns]:
    """Serve these records in the zones of their domains; ``more``: further lines of zones."""
    programs = {name: shutil.which(name, path="/usr/sbin:/usr/bin") for name in ("knotd", "keymgr", "unbound")}
    for name, path in programs.items():
        if path is None:
            missing(name)
    with tempfile.TemporaryDirectory(prefix="dns-") as name:
        folder = Path(name)
        for zone in (SIGNED, PLAIN, BROKEN):
            lines = (more or {}).get(zone, ())
            (folder / f"{zone}.zone").write_text("\n".join([_zone(zone, records), *lines, ""]))
        server, resolver = free_port(), free_port()
        (folder / "knot.conf").write_text(_knot(folder, server))
        with serving([str(programs["knotd"]), "-c", str(folder / "knot.conf")], server):
            anchor = _anchor(str(programs["keymgr"]), folder, SIGNED)
            (folder / "unbound.conf").write_text(_unbound(folder, server, resolver, anchor))
            with serving([str(programs["unbound"]), "-d", "-c", str(folder / "unbound.conf")], resolver):
                yield Dns(resolver, server)


def _zone(zone: str, records: Records) -> str:
    lines = [_HEAD.format(zone=zone)]
    for address, data in records.items():
        local, _, domain = address.partition("@")
        if domain == zone:
            owner = f"{sha256(local.encode()).hexdigest()[:56]}._smimecert"
            lines += [f"{owner} SMIMEA {each}" for each in data]
    return "\n".join([*lines, ""])


def _knot(folder: Path, port: int) -> str:
    zone = "\n".join(
        f"  - domain: {name}\n    file: {folder}/{name}.zone\n    dnssec-signing: {'off' if name == PLAIN else 'on'}"
        for name in (SIGNED, PLAIN, BROKEN)
    )
    return f"""server:
  rundir: {folder}
  listen: 127.0.0.1@{port}
database:
  storage: {folder}
template:
  - id: default
    storage: {folder}
    zonefile-load: difference
    zonefile-sync: -1
    journal-content: changes
zone:
{zone}
"""


def _anchor(keymgr: str, folder: Path, zone: str) -> str:
    told = subprocess.run([keymgr, "-c", str(folder / "knot.conf"), zone, "ds"], check=True, capture_output=True)
    found = re.search(r"\bDS (\d+ \d+ 2 [0-9a-f]+)", told.stdout.decode())
    assert found is not None
    return found[1]


def _unbound(folder: Path, server: int, port: int, anchor: str) -> str:
    stubs = "\n".join(
        f"stub-zone:\n  name: {zone}\n  stub-addr: 127.0.0.1@{server}" for zone in (SIGNED, PLAIN, BROKEN)
    )
    return f"""server:
  interface: 127.0.0.1@{port}
  chroot: ""
  username: ""
  directory: "{folder}"
  pidfile: "{folder}/unbound.pid"
  use-syslog: no
  do-not-query-localhost: no
  module-config: "validator iterator"
  trust-anchor: "{SIGNED}. DS {anchor}"
  trust-anchor: "{BROKEN}. DS {anchor}"
{stubs}
remote-control:
  control-enable: no
"""
