"""What the tests of the bench need."""

import shutil
import sys

from tests.required import missing


def need_compiler() -> None:
    """The test is over where there is no C compiler, or no Linux."""
    if shutil.which("cc") is None or not sys.platform.startswith("linux"):
        missing("cc", "C compiler for Linux")
