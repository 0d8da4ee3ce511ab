"""deploy/alerts.yml: every rule has a reason, and asks for metrics that there are."""

import re
import shutil
import subprocess

from handlers.metrics import Metrics
from tests.deploy.files import loaded
from tests.deploy.site import ROOT
from tests.required import missing

PATH = ROOT / "deploy/alerts.yml"
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


def rules() -> list[dict]:
    return [rule for group in loaded(PATH)["groups"] for rule in group["rules"]]


def series() -> set[str]:
    """The names that may be asked for."""
    families = [family for family in Metrics().registry.collect() if family.type in SUFFIXES]
    return {family.name + suffix for family in families for suffix in SUFFIXES[family.type]}


def test_every_metric_that_is_asked_for_is_there():
    asked = {name for rule in rules() for name in re.findall(r"\b(?:anywire|process)_\w+", rule["expr"])}
    assert len(asked) > 10 and asked - series() == set()


def test_every_alert_has_its_reason():
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "why"} and len(rule["annotations"]["why"]) > 30, rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_every_code_and_transport_that_is_named_is_one():
    labels = dict(re.findall(r'(code|transport)=~?"([^"]+)"', " ".join(rule["expr"] for rule in rules())))
    metrics = Metrics()
    shown = metrics.text().decode()
    assert labels and all(f'"{value}"' in shown for values in labels.values() for value in values.split("|"))


def test_prometheus_itself_takes_them():
    if shutil.which("promtool") is None:
        missing("promtool", "promtool")
    subprocess.run(["promtool", "check", "rules", str(PATH)], check=True, capture_output=True, timeout=30)
