"""The package lies in a folder of its own, which isn't on the path."""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "progress"
sys.path.insert(0, str(FOLDER))
