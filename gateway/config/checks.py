"""What must hold between keys: one small rule each, every violation named. Files on disk are judged in ``files``."""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from itertools import combinations
from pathlib import Path

from gateway.config.doors import Listener
from gateway.config.options import Options
from gateway.config.problem import KeyPath, Problem
from gateway.config.values import Endpoint, Network
from gateway.engine.transaction import Direction
from gateway.policy.rule import Addresses

MAPPED = IPv6Network("::ffff:0:0/96")
"""All of IPv4 as a socket that listens on both sees it."""


def contradictions(options: Options) -> Iterator[Problem]:
    """Yield every problem that takes more than one key to see."""
    yield from _names(options)
    yield from _sockets(options)
    for index, listener in enumerate(options.listeners):
        for path, text in _door(listener):
            yield Problem(("listeners", index, *path), text)
    yield from _claims(options)
    yield from _tags(options)
    yield from _limits(options)
    yield from _held_mail(options)
    yield from _milters(options)
    yield from _loopback(options)
    yield from _driver(options)


def _names(options: Options) -> Iterator[Problem]:
    doors: list[tuple[KeyPath, str]] = [(("listeners", n), door.name) for n, door in enumerate(options.listeners)]
    doors += [(("milters", n), door.name) for n, door in enumerate(options.milters)]
    groups: list[tuple[KeyPath, str]] = [(("groups", n), group.name) for n, group in enumerate(options.groups)]
    for kind, named in (("door", doors), ("group", groups)):
        seen: set[str] = set()
        for path, name in named:
            if name in seen:
                yield Problem((*path, "name"), f'another {kind} is called "{name}" already; choose another name')
            seen.add(name)


def _sockets(options: Options) -> Iterator[Problem]:
    for (_, taken), (path, endpoint) in combinations(sockets(options), 2):
        if taken.meets(endpoint):
            yield Problem(path, f"{endpoint} is taken: another key listens on {taken} already; choose another port")


def sockets(options: Options) -> list[tuple[KeyPath, Endpoint]]:
    """Return every TCP socket the gateway would open, with its key."""
    doors: list[tuple[KeyPath, Endpoint]] = [
        (("listeners", index, "listen"), listener.listen) for index, listener in enumerate(options.listeners)
    ]
    doors += [
        (("milters", index, "listen"), milter.listen)
        for index, milter in enumerate(options.milters)
        if isinstance(milter.listen, Endpoint)
    ]
    if options.admin.listen is not None:
        doors.append((("admin", "listen"), options.admin.listen))
    return [*doors, (("metrics", "listen"), options.metrics.listen)]


def _door(listener: Listener) -> Iterator[tuple[KeyPath, str]]:
    no_login = listener.auth.kind == "none"
    if no_login and everyone(listener.clients):
        yield ("clients",), "lets the whole world relay without a login; list your networks, or set auth"
    if not no_login and listener.tls.mode == "none" and not listener.listen.loopback:
        yield ("auth",), "logins would cross the network in clear; set tls.mode, or listen on loopback"
    if listener.tls.mode != "none":
        for name in ("certificate", "key"):
            if getattr(listener.tls, name) is None:
                yield ("tls", name), f"tls.mode {listener.tls.mode} needs it; name a PEM file"
    yield from _next_hop_login(listener)


def _next_hop_login(listener: Listener) -> Iterator[tuple[KeyPath, str]]:
    passed_on = listener.auth.kind == "next-hop"
    if passed_on and listener.next_hop_auth:
        yield ("next_hop_auth",), "auth: next-hop logs in as the client; remove one of the two"
    if (passed_on or listener.next_hop_auth) and listener.next_hop_tls != "verify" and not listener.next_hop.loopback:
        key = "auth" if passed_on else "next_hop_auth"
        yield ("next_hop_tls",), f"{key} would send a password to {listener.next_hop} unprotected; set verify"


def everyone(clients: Iterable[Network]) -> bool:
    """Whether some networks together are all of IPv4 or of IPv6, in however many pieces."""
    four = collapse_addresses(network for network in clients if isinstance(network, IPv4Network))
    six = list(collapse_addresses(network for network in clients if isinstance(network, IPv6Network)))
    return any(network.prefixlen == 0 for network in four) or any(MAPPED.subnet_of(network) for network in six)


def pattern_key(pattern: str, options: Options) -> str:
    """Return the form in which policy compares an address or ``@domain``."""
    fold = options.addresses.local_part_case == "fold"
    return next(iter(Addresses.of([[pattern]], fold, options.addresses.recipient_delimiter).owners))


def _claims(options: Options) -> Iterator[Problem]:
    owners: dict[str, int] = {}
    for index, group in enumerate(options.groups):
        for position, pattern in enumerate(group.addresses):
            owner = owners.setdefault(pattern_key(pattern, options), index)
            if owner != index:
                name = options.groups[owner].name
                text = f'"{pattern}" belongs to group "{name}" already; keep it in one group'
                yield Problem(("groups", index, "addresses", position), text)


def _tags(options: Options) -> Iterator[Problem]:
    tags = options.overrides.subject
    used = [(name, tag) for name in type(tags).model_fields if (tag := getattr(tags, name)) is not None]
    for (first, one), (name, other) in combinations(used, 2):
        if one.casefold() in other.casefold() or other.casefold() in one.casefold():
            path = ("overrides", "subject", name)
            yield Problem(path, f'"{other}" cannot be told from the tag for {first}, "{one}"; choose another')


def _limits(options: Options) -> Iterator[Problem]:
    if options.workers != "auto" and options.limits.connections < options.workers:
        text = f"is divided among the workers and must be at least their number, {options.workers}"
        yield Problem(("limits", "connections"), text)


def _held_mail(options: Options) -> Iterator[Problem]:
    hold = options.inbound.hold
    listens = any(listener.direction is Direction.INBOUND for listener in options.listeners)
    takes = any(milter.direction is Direction.INBOUND for milter in options.milters)
    if hold.enabled and hold.next_hop is None and takes and not listens:
        text = "no inbound listener has a next hop for held mail; name a mail server, or set hold.enabled to false"
        yield Problem(("inbound", "hold", "next_hop"), text)


def _milters(options: Options) -> Iterator[Problem]:
    if options.milters and find_spec("milter") is None:
        yield Problem(("milters",), f"needs pymilter; {_extra('milter')}")
    taken: set[Path] = set()
    for index, milter in enumerate(options.milters):
        path, address = ("milters", index, "listen"), milter.listen
        if isinstance(address, Endpoint):
            if not address.loopback:
                yield Problem(path, "must be a loopback address: whoever connects gets mail signed and opened")
        elif address in taken:
            yield Problem(path, f"{address} is taken by another milter; choose another path")
        else:
            taken.add(address)


def _driver(options: Options) -> Iterator[Problem]:
    if options.database != "sqlite" and find_spec("psycopg") is None:
        yield Problem(("database",), f"needs psycopg; {_extra('postgresql')}")


def _extra(name: str) -> str:
    return f'install smime-gateway[{name}]; in a checkout: pip install ".[{name}]"'


_PROXY = "for other machines, put a reverse proxy in front"


def _loopback(options: Options) -> Iterator[Problem]:
    admin = options.admin
    if not options.metrics.listen.loopback:
        yield Problem(("metrics", "listen"), f"must be a loopback address; {_PROXY}")
    if admin.listen is not None and not admin.listen.loopback and admin.tls is None:
        text = (
            f"passwords and tokens would cross the network in clear; set admin.tls, or listen on loopback and {_PROXY}"
        )
        yield Problem(("admin", "listen"), text)
