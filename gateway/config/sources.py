"""What must hold for a source of certificates: which keys its kind has and needs, and what they may say."""

import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from gateway.config.files import OPEN, fault
from gateway.config.options import Options
from gateway.config.partners import Source
from gateway.config.problem import KeyPath, Problem
from gateway.config.values import Endpoint
from gateway.errors import Malformed
from gateway.lookup.key_server import template_fault
from gateway.lookup.ldap_filter import places_in, read_filter

LONGEST_WAIT = timedelta(seconds=30)
"""Clients wait no longer than minutes for the reply to a message (RFC 5321 §4.5.3.2.6)."""
_COMMON = ("name", "kind", "domains", "minimum")
_OF_KIND = {
    "ldap": ("url", "ca", "base", "filter", "attributes", "bind_dn", "password_file", "starttls"),
    "smimea": ("resolver",),
    "http": ("url", "ca"),
}
_NEEDED = {"ldap": ("url", "base"), "smimea": (), "http": ("url",)}
Found = Iterator[tuple[str, str]]
"""Problems by key."""


def source_faults(options: Options) -> Iterator[Problem]:
    """Yield every problem of ``discovery``."""
    discovery = options.discovery
    if not timedelta(0) < discovery.timeout <= LONGEST_WAIT:
        yield Problem(("discovery", "timeout"), "must be from 1s to 30s: the client that brings the message waits")
    for name in ("negative", "refresh"):
        if not getattr(discovery, name):
            yield Problem(("discovery", name), "must be more than nothing, or sources are asked by every message")
    seen: set[str] = set()
    for index, source in enumerate(discovery.sources):
        path: KeyPath = ("discovery", "sources", index)
        if source.name in seen:
            yield Problem((*path, "name"), f'another source is called "{source.name}" already; choose another name')
        seen.add(source.name)
        for key, text in _faults(source):
            yield Problem((*path, key), text)


def _faults(source: Source) -> Found:
    kind = source.kind
    for key in Source.model_fields:
        is_set = getattr(source, key) != Source.model_fields[key].get_default(call_default_factory=True)
        if key not in (*_COMMON, *_OF_KIND[kind]) and is_set and getattr(source, key):
            yield key, f"a source of kind {kind} has no such key; remove it"
    for key in _NEEDED[kind]:
        if getattr(source, key) is None:
            yield key, f"missing; a source of kind {kind} needs it"
    yield from {"ldap": _ldap, "smimea": _smimea, "http": _http}[kind](source)
    if source.minimum == "dnssec" and kind != "smimea":
        yield "minimum", "dnssec: only a source of kind smimea has answers that the DNS vouches for; write chain"
    if source.ca is not None and (text := fault(source.ca, 0) or _ca_fault(source.ca)):
        yield "ca", text


def _ldap(source: Source) -> Found:
    url = _split(source.url)
    if url is not None and (
        url.scheme not in ("ldap", "ldaps") or not url.hostname or url.path.strip("/") or url.query
    ):
        yield "url", "must be ldap://HOST, ldap://HOST:PORT or ldaps://HOST; base and filter have keys of their own"
        return
    secure = url is not None and url.scheme == "ldaps"
    if secure and source.starttls:
        yield "starttls", "ldaps is TLS from the first octet already; remove one of the two"
    yield from _tls(source, secure or source.starttls, "ldaps://, or starttls: true")
    yield from _login(source, url, secure or source.starttls)
    if source.filter is not None:
        try:
            if not places_in(read_filter(source.filter)) & {"address", "local"}:
                yield "filter", "it asks for nobody: put {address} or {local} where the address is compared"
        except Malformed as error:
            yield "filter", f"{error}; write such as (|(mail={{address}})(proxyAddresses=smtp:{{address}}))"


def _login(source: Source, url: SplitResult | None, secure: bool) -> Found:
    if (source.bind_dn is None) != (source.password_file is None):
        yield "bind_dn", "bind_dn and password_file go together"
    if source.password_file is None:
        return
    if text := fault(source.password_file, OPEN):
        yield "password_file", text
    local = url is not None and Endpoint(url.hostname or "", 1).loopback
    if not secure and not local:
        yield "bind_dn", "the password would go over the network in clear: write ldaps://, or starttls: true"


def _smimea(source: Source) -> Found:
    resolver = source.resolver
    if source.minimum == "dnssec" and (resolver is None or not resolver.loopback):
        yield "resolver", "minimum: dnssec needs a validating resolver on this machine, such as 127.0.0.1"


def _http(source: Source) -> Found:
    if source.url is None:
        return
    if text := template_fault(source.url):
        yield "url", f"{text}; write such as https://keys.example.com/{{address}}"
        return
    yield from _tls(source, urlsplit(source.url).scheme == "https", "https://")


def _tls(source: Source, secure: bool, how: str) -> Found:
    if secure and source.ca is None:
        yield "ca", "missing: a file with the authorities that may vouch for the server; no others are trusted"
    if not secure and source.ca is not None:
        yield "ca", f"no TLS is used: write {how}"


def _split(url: str | None) -> SplitResult | None:
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it raises where there is none
    except ValueError:
        return SplitResult("", "", "", "", "")
    return parts


def _ca_fault(file: Path) -> str | None:
    try:
        context: Any = ssl.create_default_context(cafile=file)
    except (ssl.SSLError, OSError, ValueError):
        return f"{file} holds no PEM certificate"
    return None if context.cert_store_stats()["x509_ca"] else f"{file} holds no authority's certificate"
