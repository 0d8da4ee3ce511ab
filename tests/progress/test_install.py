"""The folder is a package of its own, which brings nothing along."""

import os
import subprocess
import sys

from tests.progress.scripts import FOLDER, shown


def test_it_installs_into_a_fresh_environment(server, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path], check=True)
    before = sorted(FOLDER.rglob("*"))
    subprocess.run([tmp_path / "bin/pip", "install", "--quiet", "--disable-pip-version-check", FOLDER], check=True)
    assert [path for path in sorted(FOLDER.rglob("*")) if path not in before and "__pycache__" not in path.parts] == []
    listed = subprocess.run([tmp_path / "bin/pip", "list", "--format=freeze"], capture_output=True, text=True, check=True).stdout
    assert {line.partition("==")[0] for line in listed.split()} - {"pip", "setuptools"} == {"anywire-progress"}

    code = "import anywire_progress as a\njob = a.track(range(3))\nfor _ in job: pass\nwhile not job.id: pass\nprint(job.id)"
    environment = {"ANYWIRE_URL": server.url, "PATH": os.environ["PATH"]}
    ran = subprocess.run([tmp_path / "bin/python", "-I", "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert shown(server.url, ran.stdout.strip())["state"] == "done"
    passed = subprocess.run(
        [tmp_path / "bin/anywire-progress", "--lines"], env=environment, input=b"a\nb\n", capture_output=True, check=True
    )
    assert passed.stdout == b"a\nb\n"
