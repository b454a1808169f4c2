"""Who asks, and from where."""

from ipaddress import ip_address

from starlette.requests import HTTPConnection


def client(connection: HTTPConnection) -> str:
    """Return the IP address from which somebody asks; empty: a proxy told nonsense."""
    host = connection.client.host if connection.client else ""
    try:
        return str(ip_address(host))
    except ValueError:
        return ""


def bearer(connection: HTTPConnection) -> str | None:
    """Return the token that came along (RFC 6750 §2.1)."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
