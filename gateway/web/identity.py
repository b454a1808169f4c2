"""Who asks, and from where."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.requests import HTTPConnection


def client(connection: HTTPConnection) -> IPv4Address | IPv6Address | None:
    """Return from where somebody asks; None: a proxy told nonsense."""
    try:
        return ip_address(connection.client.host) if connection.client else None
    except ValueError:
        return None


def bearer(connection: HTTPConnection) -> str | None:
    """Return the token that came along (RFC 6750 §2.1)."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
