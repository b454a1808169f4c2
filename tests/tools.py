"""What a test does without a tool it needs: skip with a reason, and fail in CI."""

import importlib.util
import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Leave the test: ``what`` is not on this machine."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing")


def require_pymilter() -> None:
    """Leave the test where the extra ``milter`` is not installed."""
    if importlib.util.find_spec("milter") is None:
        missing("pymilter")
