"""Files made to cost, brought through the API: each is refused in lines of its own, and costs little."""

import gzip
import logging
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

import gateway
from tests.authority import Authority
from tests.hostile import CMS, MEGABYTE, endless, nested, zeros
from tests.inbound import made
from tests.inbound.made import mail, p7m
from tests.pki.test_bundle import SECRET, p12, with_rounds
from tests.web.conftest import ALICE, Holder

MEMORY = 64 * MEGABYTE
"""Bytes at the height of one request; the bombs would become four times as much, or more."""
STEPS = 400_000
"""Lines of the package's code that one request may run through, and one more per octet of the file."""


def zipped() -> bytes:
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive, archive.open("key.pem", "w") as member:
        for _ in range(256):
            member.write(bytes(MEGABYTE))
    return file.getvalue()


FILES: dict[str, Callable[[Authority], bytes]] = {
    "20,000,000 rounds": lambda authority: with_rounds(p12(authority.leaf(ALICE, kind="p256"), SECRET), 20_000_000),
    "256 MB zipped": lambda _: zipped(),
    "256 MB in gzip": lambda _: gzip.compress(bytes(256 * MEGABYTE)),
    "256 MB in a compressed mail": lambda _: mail(p7m(made.compressed(zeros(256)))),
    "256 MB in compressed CMS": lambda _: made.compressed(zeros(256)),
    "a million sequences in one another": lambda _: endless(0x30, b"", 1_000_000),
    "500 multiparts in one another": lambda _: mail(nested(500)),
    "100,000 PEM blocks": lambda _: b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n" * 100_000,
}
FILES |= {name: lambda _, name=name: CMS[name] for name in CMS}


@contextmanager
def counted() -> Iterator[dict[str, int]]:
    """Count what threads that begin in here take: ``steps`` and ``memory``."""
    package, count = gateway.__path__[0], {"steps": 0, "memory": 0}

    def line(*_: Any) -> Any:
        count["steps"] += 1
        return line

    def call(frame: Any, *_: Any) -> Any:
        return line if frame.f_code.co_filename.startswith(package) else None

    before = threading.gettrace()
    threading.settrace(call)
    tracemalloc.start()
    try:
        yield count
    finally:
        count["memory"] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        threading.settrace(before)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FILES)
def test_a_file_made_to_cost_is_refused(
    holder: Holder, authority: Authority, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """LIM-02, LIM-06, LIM-07: nothing is unpacked or derived; that would be `bad-passphrase`, or far more memory."""
    ask, content = holder("admin"), FILES[name](authority)
    with counted() as cost:
        answer = ask.post("certificates", files={"file": ("x", content)}, data={"passphrase": SECRET.decode()})
    assert answer.status_code == 200, answer.text
    lines = answer.json()["items"]
    assert {line["result"] for line in lines} == {"refused"}
    assert {line["reason"] for line in lines} <= {"limit", "malformed"}
    assert cost["memory"] < MEMORY + 4 * len(content)
    assert 0 < cost["steps"] < STEPS + len(content)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
