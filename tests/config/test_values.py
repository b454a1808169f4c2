"""Each kind of value: what is taken, what is refused, and that what is printed reads back as the same."""

from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import values
from gateway.config.values import Endpoint, Reference


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (values.endpoint, "127.0.0.1:10025", Endpoint("127.0.0.1", 10025)),
        (values.endpoint, "[::1]:25", Endpoint("::1", 25)),
        (values.endpoint, "[0:0::0001]:25", Endpoint("::1", 25)),
        (values.endpoint, "Mail.Example.ORG:587", Endpoint("mail.example.org", 587)),
        (values.endpoint, "[mail.example.org]:25", Endpoint("mail.example.org", 25)),
        (values.network, "10.0.0.0/8", ip_network("10.0.0.0/8")),
        (values.network, "192.0.2.1", ip_network("192.0.2.1/32")),
        (values.network, "2001:db8::/32", ip_network("2001:db8::/32")),
        (values.size, "50MB", 50 * 1024 * 1024),
        (values.size, "50MiB", 50 * 1024 * 1024),
        (values.size, "50 M", 50 * 1024 * 1024),
        (values.size, "64kB", 65536),
        (values.size, "2GB", 2 << 30),
        (values.size, "12345", 12345),
        (values.size, "12B", 12),
        (values.size, 12345, 12345),
        (values.duration, "30d", timedelta(days=30)),
        (values.duration, "12h", timedelta(hours=12)),
        (values.duration, "30m", timedelta(minutes=30)),
        (values.duration, "45s", timedelta(seconds=45)),
        (values.duration, "0s", timedelta(0)),
        (values.path, "/var/lib/x", Path("/var/lib/x")),
        (values.authentication, "none", Reference("none")),
        (values.authentication, "next-hop", Reference("next-hop")),
        (values.authentication, "file:/etc/logins", Reference("file", "/etc/logins")),
        (values.key_source, "credential:kek", Reference("credential", "kek")),
        (values.key_source, "file:/etc/kek", Reference("file", "/etc/kek")),
        (values.milter_socket, "unix:/run/x.sock", Path("/run/x.sock")),
        (values.milter_socket, "inet:127.0.0.1:8891", Endpoint("127.0.0.1", 8891)),
        (values.pattern, "Support@Example.org", "Support@Example.org"),
        (values.pattern, "@help.example.org", "@help.example.org"),
        (values.pattern, "@bücher.example", "@bücher.example"),
        (values.database, "sqlite", "sqlite"),
        (values.database, "postgresql+psycopg://u@h/n", "postgresql+psycopg://u@h/n"),
        (values.database, "postgresql+psycopg://u@/n?host=/run/pg", "postgresql+psycopg://u@/n?host=/run/pg"),
        (values.workers, "auto", "auto"),
        (values.workers, 4, 4),
        (values.host_name, "GW.example.org", "gw.example.org"),
        (values.octal, "0660", "0660"),
        (values.delimiter, "+-", "+-"),
        (values.delimiter, "", ""),
    ],
)
def test_taken(read: Callable[[Any], object], text: object, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "texts"),
    [
        (
            values.endpoint,
            ["10025", "localhost", "127.0.0.1:0", "127.0.0.1:65536", "::1:25", ":25", "a b:25", "1.2.3:2"],
        ),
        (values.endpoint, [10025, None, True, ["127.0.0.1:25"], "127.0.0.1:25\n", "[example.org:25", "[a:b]:25"]),
        (values.network, ["10.0.0.0/33", "10.0.0.1/8", "example.org", "", "10.0.0", 10, None, "::1/129"]),
        (values.size, ["", "MB", "-1", "1.5MB", "50 pages", "0", 0, -5, True, None, "9" * 16, [50]]),
        (values.duration, ["", "30", 30, "30 days", "1.5h", "-1s", "9999999d", "1d12h", None, True]),
        (values.path, ["relative", "./x", "", "~/x", "/a\0b", 7, None]),
        (values.authentication, ["yes", "file:relative", "file:", "NONE", 1, None]),
        (values.key_source, ["MTIzNDU2", "credential:", "credential:../x", "file:x", "env:KEK", None, 5]),
        (values.milter_socket, ["inet:25@127.0.0.1", "127.0.0.1:25", "unix:x", "/run/x", None]),
        (values.pattern, ["example.org", "@", "a@", "a@b@c", "a b@c.example", "@a@b", "", "a@b\r\nX: y", 5, None]),
        (values.database, ["mysql://h/n", "postgresql://u@h/n", "postgresql+psycopg://u@h", "sqlite:///x", "", 4]),
        (values.database, ["postgresql+psycopg://u@h:port/n", "postgresql+psycopg://[::1/n"]),
        (values.workers, ["many", 0, -1, 1025, True, None, "4.0"]),
        (values.host_name, ["", "a b", "-a.example", "a..b", "1.2.3.4", "x" * 300, "a.example."]),
        (values.printable, ["", "  ", "a\nb"]),
        (values.octal, ["660x", "0999", "66", "rw-rw----"]),
        (values.delimiter, ["@", "a", "++++++++++", " ", '"']),
    ],
)
def test_refused(read: Callable[[Any], object], texts: list[object]) -> None:
    for text in texts:
        with pytest.raises(ValueError, match=r"\w"):
            read(text)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("*@example.org", '"@example.org"'),
        ("%@example.org", '"@example.org"'),
        ("support*@example.org", '"@example.org"'),
        ("@*.example.org", '"@example.org"'),
        ("@.example.org", '"@example.org"'),
        ("*.example.org", '"@example.org"'),
        ("example.org", '"@example.org"'),
        ("*", "@domain"),
        ("*@*", "@domain"),
    ],
)
def test_a_pattern_that_can_never_match_is_refused_with_the_right_form(wrong: str, right: str) -> None:
    with pytest.raises(ValueError, match=r"matches nothing|is no address") as refused:
        values.pattern(wrong)
    assert right in str(refused.value)


@given(st.integers(1, 10**15 - 1))
def test_a_printed_size_reads_back(count: int) -> None:
    assert values.size(values.size_text(count)) == count


@given(st.integers(0, 999_999), st.sampled_from("dhms"))
def test_a_printed_duration_reads_back(number: int, unit: str) -> None:
    length = timedelta(seconds=number * values.SECONDS[unit])
    assert values.duration(f"{number}{unit}") == length
    assert values.duration(values.duration_text(length)) == length


@given(st.ip_addresses() | st.sampled_from(["localhost", "mail.example.org"]), st.integers(1, 65535))
def test_a_printed_endpoint_reads_back(host: object, port: int) -> None:
    endpoint = Endpoint(str(host), port)
    assert values.endpoint(str(endpoint)) == endpoint


@pytest.mark.parametrize(
    ("text", "loopback"),
    [("127.8.8.8:1", True), ("[::1]:1", True), ("localhost:1", True), ("10.0.0.1:1", False), ("[::]:1", False)],
)
def test_loopback(text: str, loopback: bool) -> None:
    assert values.endpoint(text).loopback is loopback


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("127.0.0.1:25", "127.0.0.1:25", True),
        ("0.0.0.0:25", "127.0.0.1:25", True),
        ("10.0.0.1:25", "[::]:25", True),
        ("localhost:25", "127.0.0.1:25", True),
        ("127.0.0.1:25", "127.0.0.1:26", False),
        ("127.0.0.1:25", "127.0.0.2:25", False),
        ("localhost:25", "10.0.0.1:25", False),
    ],
)
def test_two_endpoints_meet(one: str, other: str, meet: bool) -> None:
    assert values.endpoint(one).meets(values.endpoint(other)) is meet
    assert values.endpoint(other).meets(values.endpoint(one)) is meet


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://user:s3cret@host/name",
        "postgresql+psycopg://user:s3cret@/name?host=/run",
        "postgresql+psycopg://user:p@s3cret@host/name",
        "postgresql+psycopg://user@host/name?password=s3cret&x=y",
        "postgresql+psycopg://user@host/name?sslpassword=s3cret",
    ],
)
def test_a_database_password_is_masked(url: str) -> None:
    shown = values.masked(url)
    assert "s3cret" not in shown
    assert shown.startswith("postgresql+psycopg://user")
    assert "***" in shown


def test_a_database_url_without_password_is_shown_whole() -> None:
    url = "postgresql+psycopg://user@host:5432/name?host=/run/pg"
    assert values.masked(url) == url
