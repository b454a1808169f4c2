"""A store, and sources on loopback that it may ask."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from gateway.config import Options, parse
from gateway.discovery.search import Search
from gateway.gather import Gather, Memory
from gateway.policy.wants import Lookup
from gateway.store import Store, open_store
from gateway.store.certificates.listing import Filter
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.wiring import store_options
from tests.authority import Authority, Issued
from tests.lookup.site import Site
from tests.stores import ready

DOMAIN = "customer.example"
ALICE = f"alice@{DOMAIN}"


def web(site: Site, name: str = "web", minimum: str = "chain", domains: tuple[str, ...] = (DOMAIN,)) -> dict[str, Any]:
    """A source of kind http."""
    url = f"http://127.0.0.1:{site.port}/{name}/{{address}}"
    return {"name": name, "kind": "http", "domains": list(domains), "url": url, "minimum": minimum}


def publish(site: Site, *held: Issued | bytes, name: str = "web", address: str = ALICE) -> None:
    """Have ``web`` know these certificates of an address."""
    page = b"".join(item if isinstance(item, bytes) else item.pem() for item in held)
    site.put(f"/{name}/{address.replace('@', '%40')}", page)


def options_of(folder: Path, *sources: Mapping[str, Any], **values: Any) -> Options:
    """Options of a gateway with these sources; ``discovery``: further keys of that section."""
    document = {
        "hostname": "gw.example.org",
        "state": str(ready(folder / "state")),
        "groups": [{"name": "support", "addresses": ["support@example.org"]}],
    }
    discovery = {"sources": list(sources), **values.pop("discovery", {})}
    return parse(yaml.safe_dump(document | values | {"discovery": discovery}))


class Gateway:
    """What asks, and what is stored; ``counted``: how each question ended."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.counted: list[Lookup] = []
        self.store: Store = open_store(store_options(options), durable=False)
        self.search = Search(options, self.store, self.counted.append)
        self.gather = Gather(self.store, Memory.KEPT, self.search)

    def bring(self, *issued: Issued, trust: bool = True, data: bytes | None = None) -> None:
        """Import, as an administrator does."""
        import_file(self.store, data or b"".join(item.pem() for item in issued), (), ImportOptions(trust=trust))

    def trusting(self, authority: Authority) -> "Gateway":
        """Have its root for an anchor, its intermediate known."""
        self.bring(authority.root)
        self.bring(authority.intermediate, trust=False)
        return self

    def states(self, at: Any) -> dict[str, str]:
        """The state of every leaf, by fingerprint."""
        found = self.store.listing.page(Filter(is_ca=False), at)
        return {item.entry.certificate.fingerprint: item.status.state for item in found}

    def close(self) -> None:
        self.search.close()
        self.store.close()


@contextmanager
def gateway(options: Options) -> Iterator[Gateway]:
    """One, for the time of a ``with``."""
    made = Gateway(options)
    try:
        yield made
    finally:
        made.close()
