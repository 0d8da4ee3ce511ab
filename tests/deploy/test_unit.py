"""deploy/anywire.service: systemd understands it, and its command is one that runs and stops."""

import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from settings import Settings
from store.embedded import STOP_DEADLINE_S
from store.log import DEADLINE_S
from tests.deploy.site import ROOT
from tests.required import missing
from tests.running import START_S

UNIT = (ROOT / "deploy/anywire.service").read_text()


def setting(name: str) -> str:
    return re.search(rf"^{name}=(.*)$", UNIT, re.MULTILINE)[1]


@pytest.fixture
def installed(tmp_path) -> Path:
    """The unit, as if this tree were where it says."""
    path = tmp_path / "anywire.service"
    python = setting("ExecStart").split()[0]
    path.write_text(UNIT.replace(python, sys.executable).replace("/opt/anywire", str(ROOT)))
    return path


def analyze(*arguments: str) -> str:
    if shutil.which("systemd-analyze") is None:
        missing("systemd-analyze", "systemd-analyze")
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_has_nothing_to_say_against_it(installed):
    assert analyze("verify", str(installed)).strip() == ""


def test_it_may_little(installed):
    """By systemd's own measure, from 0 (best) to 10: what a service may without any such line is 9.6."""
    said = analyze("security", "--offline=yes", str(installed))
    assert float(re.search(r"exposure level for anywire.service: ([\d.]+)", said)[1]) <= 2.0


def test_a_stop_has_the_time_that_it_takes():
    takes_s = Settings.model_fields["drain_s"].default + DEADLINE_S + STOP_DEADLINE_S
    assert float(setting("TimeoutStopSec")) > 2 * takes_s
    assert setting("KillMode") == "mixed" and setting("Restart") == "always"


def test_its_command_runs_and_stops(installed, tmp_path):
    unit = installed.read_text()
    command = shlex.split(re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)[1])
    folder = re.search(r"^WorkingDirectory=(.*)$", unit, re.MULTILINE)[1]
    environment = {"ANYWIRE_DATA": str(tmp_path / "state"), "ANYWIRE_PORT": "0", "PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert "Anywire is ready at" in process.stdout.readline()
        began_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(START_S) == 0
        assert time.monotonic() - began_s < float(setting("TimeoutStopSec"))
