"""A real LDAP server on loopback, with people in it as Active Directory has them."""

import base64
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from tests.authority import SERVER_AUTH, Authority
from tests.e2e.daemon import free_port
from tests.lookup.server import serving
from tests.tools import missing

BASE = "dc=customer,dc=example"
READER, PASSWORD = f"cn=reader,{BASE}", "only_to_read"
SCHEMAS = Path("/etc/ldap/schema")
_LIKE_ACTIVE_DIRECTORY = """
attributetype ( 1.2.840.113556.1.2.210 NAME 'proxyAddresses' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.4203.666.1 NAME 'mailRecipient' SUP top AUXILIARY MAY proxyAddresses )
"""


@dataclass(frozen=True)
class Slapd:
    """A server that runs; ``ca``: the file of the authority of its TLS."""

    plain: int
    tls: int
    ca: Path


Entry = Mapping[str, Sequence[str | bytes]]
"""Values by attribute; without ``dn`` and object classes."""


def person(name: str, mail: str, **attributes: Sequence[str | bytes]) -> Entry:
    """An entry; ``proxyAddresses`` as Active Directory writes them. ``_binary`` in names stands for ``;binary``."""
    usual: Entry = {"cn": [name], "sn": [name], "mail": [mail], "proxyAddresses": [f"SMTP:{mail}"]}
    return {**usual, **{key.replace("_binary", ";binary"): values for key, values in attributes.items()}}


@contextmanager
def slapd(entries: Sequence[Entry], *settings: str) -> Iterator[Slapd]:
    """Run a server with these entries; ``settings``: further lines of its configuration."""
    program = shutil.which("slapd", path="/usr/sbin:/usr/bin")
    if program is None:
        missing("slapd")
    with tempfile.TemporaryDirectory(prefix="slapd-") as name:
        folder = Path(name)
        _write_tls(folder)
        (folder / "ad.schema").write_text(_LIKE_ACTIVE_DIRECTORY)
        (folder / "data").mkdir()
        (folder / "slapd.conf").write_text(_configuration(folder, settings))
        (folder / "people.ldif").write_text("\n".join(_ldif(entries)))
        common = ["-f", str(folder / "slapd.conf")]
        subprocess.run(["/usr/sbin/slapadd", "-q", *common, "-l", str(folder / "people.ldif")], check=True)
        plain, tls = free_port(), free_port()
        command = [program, *common, "-d", "0", "-h", f"ldap://127.0.0.1:{plain} ldaps://127.0.0.1:{tls}"]
        with serving(command, plain):
            yield Slapd(plain, tls, folder / "ca.pem")


def _write_tls(folder: Path) -> None:
    authority = Authority(name="Directory TLS")
    server = authority.leaf(kind="p256", extended_key_usage=(SERVER_AUTH,), other_names=[x509.DNSName("localhost")])
    (folder / "ca.pem").write_bytes(authority.root.pem())
    (folder / "server.pem").write_bytes(server.pem() + authority.intermediate.pem())
    (folder / "server.key").write_bytes(server.key_pem())


def _configuration(folder: Path, settings: Sequence[str]) -> str:
    schemas = [f"include {SCHEMAS / name}.schema" for name in ("core", "cosine", "inetorgperson")]
    return "\n".join(
        [
            *schemas,
            f"include {folder}/ad.schema",
            "modulepath /usr/lib/ldap",
            "moduleload back_mdb",
            f"pidfile {folder}/pid",
            f"TLSCACertificateFile {folder}/ca.pem",
            f"TLSCertificateFile {folder}/server.pem",
            f"TLSCertificateKeyFile {folder}/server.key",
            "database mdb",
            f"suffix {BASE}",
            f"rootdn {READER}",
            f"rootpw {PASSWORD}",
            f"directory {folder}/data",
            "maxsize 1073741824",
            "index mail,proxyAddresses eq",
            *settings,
            "",
        ]
    )


def _ldif(entries: Sequence[Entry]) -> Iterator[str]:
    yield f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: customer\no: Customer\n"
    for number, entry in enumerate(entries):
        yield f"dn: uid={number},{BASE}\nuid: {number}\nobjectClass: inetOrgPerson\nobjectClass: mailRecipient"
        for name, values in entry.items():
            for value in values:
                encoded = base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()
                yield f"{name}:: {encoded}"
        yield ""
