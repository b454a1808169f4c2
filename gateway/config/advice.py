"""Warnings: a configuration that works, but perhaps not as its author thinks."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path

from gateway.config.checks import pattern_key, sockets
from gateway.config.doors import Listener, Milter
from gateway.config.options import Options
from gateway.config.problem import KeyPath, Problem, spelled
from gateway.config.values import Endpoint
from gateway.engine.transaction import Direction
from gateway.policy.rule import Addresses, Level

SMALLEST_MESSAGE = 64 * 1024
"""What every server must take (RFC 5321 §4.5.3.1.7)."""
OTHERS_WRITE = 0o002
"""To connect to a socket is to write to it (unix(7))."""


def warnings(options: Options) -> list[str]:
    """Return everything that is allowed and yet doubtful, one line each: ``KEY: text``."""
    rules = (
        _nothing_done,
        _encrypt_without_sign,
        _loops,
        _unreachable,
        _repeated,
        _unused_tls,
        _no_login,
        _no_client,
        _open_milters,
        _no_folder,
        _names,
        _one_id,
        _bounds,
        _sources,
    )
    return [str(problem) for rule in rules for problem in rule(options)]


def _nothing_done(options: Options) -> Iterator[Problem]:
    if not options.enabled:
        yield Problem(("enabled",), "false: no mail is signed, encrypted, opened or judged")
    if not options.groups:
        yield Problem(("groups",), "empty: no address is known, so no mail is signed or encrypted")
    doors: tuple[Listener | Milter, ...] = (*options.listeners, *options.milters)
    directions = {door.direction for door in doors}
    if not doors:
        yield Problem(("listeners",), "no door at all: no mail comes in or goes out; add a listener or a milter")
    elif Direction.OUTBOUND not in directions:
        yield Problem(("listeners",), "none is outbound: the helpdesk has no door to send through")
    elif Direction.INBOUND not in directions:
        yield Problem(("listeners",), "none is inbound: arriving mail is not opened")


def _encrypt_without_sign(options: Options) -> Iterator[Problem]:
    pairs: list[tuple[KeyPath, Level, Level]] = [(("defaults",), options.defaults.sign, options.defaults.encrypt)]
    for index, group in enumerate(options.groups):
        if group.sign or group.encrypt:
            sign, encrypt = group.sign or options.defaults.sign, group.encrypt or options.defaults.encrypt
            pairs.append((("groups", index), sign, encrypt))
    for path, sign, encrypt in pairs:
        if sign is Level.NEVER and encrypt is not Level.NEVER:
            yield Problem(path, "encrypts without signing: recipients cannot tell who wrote, or whether it was altered")


def _loops(options: Options) -> Iterator[Problem]:
    hops: list[tuple[KeyPath, Endpoint]] = [
        (("listeners", index, "next_hop"), listener.next_hop) for index, listener in enumerate(options.listeners)
    ]
    if options.inbound.hold.next_hop is not None:
        hops.append((("inbound", "hold", "next_hop"), options.inbound.hold.next_hop))
    for (path, hop), (taken, own) in product(hops, sockets(options)):
        if own.meets(hop):
            yield Problem(path, f"{hop} is the gateway's own {spelled(taken)}: mail may run in a circle")


def _unreachable(options: Options) -> Iterator[Problem]:
    fold, delimiter = options.addresses.local_part_case == "fold", options.addresses.recipient_delimiter
    owners = Addresses.of([group.addresses for group in options.groups], fold, delimiter)
    for index, group in enumerate(options.groups):
        for position, pattern in enumerate(group.addresses):
            owner = None if pattern.startswith("@") else owners.owner(pattern)
            if owner is not None and owner < index:
                text = f'"{pattern}" is never reached: groups[{owner}] matches it first; move this group up'
                yield Problem(("groups", index, "addresses", position), text)


def _repeated(options: Options) -> Iterator[Problem]:
    lists: list[tuple[KeyPath, Iterable[str]]] = [(("internal", "addresses"), options.internal.addresses)]
    lists += [(("groups", index, "addresses"), group.addresses) for index, group in enumerate(options.groups)]
    for path, patterns in lists:
        seen: set[str] = set()
        for position, pattern in enumerate(patterns):
            key = pattern_key(pattern, options)
            if key in seen:
                yield Problem((*path, position), f'"{pattern}" is in the list already')
            seen.add(key)


def _unused_tls(options: Options) -> Iterator[Problem]:
    for index, listener in enumerate(options.listeners):
        if listener.tls.mode == "none" and (listener.tls.certificate or listener.tls.key):
            yield Problem(("listeners", index, "tls", "mode"), "none: the certificate and key are not used")


def _no_login(options: Options) -> Iterator[Problem]:
    outbound = [listener for listener in options.listeners if listener.direction is Direction.OUTBOUND]
    told = any(milter.direction is Direction.OUTBOUND for milter in options.milters)  # by the mail server
    if told or any(listener.auth.kind != "none" for listener in outbound):
        return
    for index, group in enumerate(options.groups):
        if group.submitters.users:
            yield Problem(("groups", index, "submitters", "users"), "no outbound listener has auth: nobody can log in")


def _no_client(options: Options) -> Iterator[Problem]:
    if any(milter.direction is Direction.OUTBOUND for milter in options.milters):  # its clients are the mail server's
        return
    outbound = [listener for listener in options.listeners if listener.direction is Direction.OUTBOUND]
    let_in = [network for listener in outbound for network in listener.clients]
    for index, group in enumerate(options.groups):
        for position, network in enumerate(group.submitters.clients):
            if outbound and not any(network.overlaps(other) for other in let_in if other.version == network.version):
                text = f"{network} gets in by no outbound listener: add it to that listener's clients, too"
                yield Problem(("groups", index, "submitters", "clients", position), text)


def _open_milters(options: Options) -> Iterator[Problem]:
    for index, milter in enumerate(options.milters):
        if isinstance(milter.listen, Endpoint):
            text = "TCP costs tens of milliseconds a message, and any local user may connect; use unix:PATH"
            yield Problem(("milters", index, "listen"), text)
        elif int(milter.mode, 8) & OTHERS_WRITE:
            text = f"{milter.mode}: any local user may connect, and have mail signed or opened; use 0660"
            yield Problem(("milters", index, "mode"), text)


def _no_folder(options: Options) -> Iterator[Problem]:
    for index, milter in enumerate(options.milters):
        if isinstance(milter.listen, Path) and _absent(milter.listen.parent):
            text = f"{milter.listen.parent} does not exist; make it, with the mail server's group and mode 2750"
            yield Problem(("milters", index, "listen"), text)


def _absent(folder: Path) -> bool:
    """Whether it is certain that ``folder`` does not exist."""
    try:
        return not folder.exists()
    except PermissionError:
        return False


def _names(options: Options) -> Iterator[Problem]:
    if "." not in options.hostname:
        yield Problem(("hostname",), f'"{options.hostname}" is no full name; set one such as gw.example.org')


def _one_id(options: Options) -> Iterator[Problem]:
    if options.database != "sqlite" and "authserv_id" not in options.model_fields_set:
        text = f"{options.authserv_id}, from the hostname: all gateways of one store need the same; write it down"
        yield Problem(("authserv_id",), text)


def _bounds(options: Options) -> Iterator[Problem]:
    limits = options.limits
    if limits.message_size < SMALLEST_MESSAGE:
        yield Problem(("limits", "message_size"), "is less than the 64 kB that every mail server must take")
    if limits.connections_per_client > limits.connections:
        yield Problem(("limits", "connections_per_client"), "is never reached: limits.connections is smaller")
    if options.retention.ledger < timedelta(days=1):
        yield Problem(("retention", "ledger"), "is short: a client that tries again later may deliver a copy twice")


def _sources(options: Options) -> Iterator[Problem]:
    for index, source in enumerate(options.discovery.sources):
        path: KeyPath = ("discovery", "sources", index)
        if "*" in source.domains and source.kind != "smimea":
            yield Problem((*path, "domains"), f"every address that mail is exchanged with is told to {source.name}")
        if source.url is not None and source.ca is None:
            text = (
                "without TLS anybody on the way learns whose mail is expected; what is answered is judged all the same"
            )
            yield Problem((*path, "url"), text)
