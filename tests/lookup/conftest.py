"""A web site for each test."""

from collections.abc import Iterator

import pytest

from tests.lookup.site import Site, listening


@pytest.fixture
def site() -> Iterator[Site]:
    with listening() as opened:
        yield opened
