"""The other witnesses of the interoperability tests."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.interop.gpgsm import GnuPG, furnished
from tests.interop.readers.reader import COMMANDS, Reader, open_reader
from tests.tools import missing


@pytest.fixture(scope="session")
def gnupg() -> Iterator[GnuPG]:
    if not shutil.which("gpgsm"):
        missing("the gpgsm command")
    with tempfile.TemporaryDirectory(prefix="gpgsm-") as folder:  # a socket's path must be short
        made = furnished(Path(folder))
        try:
            yield made
        finally:
            made.close()


@pytest.fixture(scope="session")
def readers() -> Iterator[list[Reader]]:
    """All mail readers, running."""
    with ExitStack() as stack:
        yield [stack.enter_context(open_reader(name)) for name in COMMANDS]
