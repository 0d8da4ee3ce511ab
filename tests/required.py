"""What has to be there: ANYWIRE_TEST_REQUIRE names it, such as chromium,node; a test without it fails instead of being skipped."""

import os
from typing import NoReturn

import pytest

REQUIRED = {name for name in os.environ.get("ANYWIRE_TEST_REQUIRE", "").split(",") if name}


def missing(name: str, what: str) -> NoReturn:
    """Fails where *name* is required, else skips; *what* is said of it."""
    if name in REQUIRED:
        pytest.fail(f"{what} must be there")
    pytest.skip(f"no {what} here")
