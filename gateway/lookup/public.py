"""Which network addresses may be asked: public ones, and no others (row NET-01).

A URL from a certificate must not make the gateway knock at its own machine, its own network or the metadata service of
its cloud. IPv6 addresses that stand for an IPv4 address (mapped, NAT64, 6to4, Teredo) are refused as a whole, for where
they lead is decided elsewhere.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that IANA has given out; ``is_global`` also holds for most of what it has not."""
_REFUSED_6 = (IPv6Network("2001::/23"), IPv6Network("2002::/16"), IPv6Network("3fff::/20"))
"""Protocol assignments with Teredo, 6to4, documentation."""
_REFUSED_4 = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv4Network("168.63.129.16/32"),
)
"""Protocol assignments, 6to4 relays, and the host agent of Azure, which is a public address by its number only."""


def is_public(address: Address) -> bool:
    """Whether anybody on the Internet could ask this address too."""
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_4)
    return address in _GLOBAL_UNICAST and not any(address in network for network in _REFUSED_6)


def read_address(text: str) -> Address:
    """Return the address that a resolver gave. Raises ``ValueError``; one with a zone is no public address."""
    if "%" in text:
        raise ValueError("an address with a zone")
    return ip_address(text)
