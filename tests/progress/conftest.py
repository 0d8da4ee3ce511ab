"""The package lies in a folder of its own, which isn't on the path."""

import sys

from tests.progress.scripts import FOLDER

sys.path.insert(0, str(FOLDER))
