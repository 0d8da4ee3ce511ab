"""The YAML of deploy/."""

from pathlib import Path
from typing import Any

from tests.required import missing

try:
    import yaml
except ImportError:
    yaml = None


def loaded(path: Path) -> Any:
    if yaml is None:
        missing("yaml", "PyYAML")
    return yaml.safe_load(path.read_text(encoding="utf-8"))
