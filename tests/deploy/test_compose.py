"""deploy/compose.yml and its Dockerfile. There is no Docker in the tests: what they name is looked at, and what they run is run."""

import re
import shutil
import socket
import subprocess
import sys

import pytest

from settings import Settings
from store.mongod import candidates
from tests.browsers.processes import folder, program
from tests.deploy.files import loaded
from tests.deploy.site import ROOT
from tests.handlers.talking import eventually

DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def compose() -> dict:
    return loaded(DEPLOY / "compose.yml")


@pytest.fixture(scope="module")
def services(compose) -> dict[str, dict]:
    return compose["services"]


def test_what_it_refers_to_is_there(compose, services):
    assert {"mongo1", "mongo2", "mongo3", "anywire1", "anywire2", "nginx"} == set(services)
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        assert set(service["networks"]) <= set(compose["networks"]), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DEPLOY / source).exists() if source.startswith(".") else source in compose["volumes"], volume
        for needed, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or "healthcheck" in services[needed]


def test_its_settings_are_settings(services):
    for name in ("anywire1", "anywire2"):
        environment = services[name]["environment"]
        values = {key.removeprefix("ANYWIRE_").lower(): value for key, value in environment.items() if value is not None}
        settings = Settings(**values, _cli_parse_args=[])
        hosts = re.search(r"//(.+)/", settings.mongodb_uri)[1].split(",")
        assert set(hosts) == {"mongo1", "mongo2", "mongo3"} <= set(services)


def test_mongod_knows_its_options(services):
    """All but to listen everywhere: a mongod starts with them, and the set is begun by the members that the file names."""
    program_, *options = services["mongo1"]["command"]
    assert program_ == "mongod"
    with folder() as path:
        command = [str(candidates()[0]), *options, "--outputConfig", "--dbpath", str(path)]
        said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        assert "replSet: anywire" in said or "replSetName: anywire" in said
    script = services["mongo1"]["healthcheck"]["test"][-1]
    assert set(re.findall(r'host: "(\w+)"', script)) == {"mongo1", "mongo2", "mongo3"}
    if shutil.which("node"):  # it is JavaScript, at least
        subprocess.run(["node", "--check", "-"], input=script, text=True, check=True, capture_output=True, timeout=30)


def test_nginx_takes_what_its_command_makes_of_our_file(services, tmp_path):
    places = {"/anywire.conf": DEPLOY / "nginx.conf", "/etc/nginx/conf.d/default.conf": tmp_path / "made.conf"}
    command = services["nginx"]["command"][-1].partition("exec nginx")[0]
    for inside, here in places.items():
        command = command.replace(inside, str(here))
    subprocess.run(["sh", "-c", command], check=True, timeout=10)
    made = (tmp_path / "made.conf").read_text()
    servers = re.findall(r"^ *server (anywire\d):8000|; server (anywire\d):8000", made, re.MULTILINE)
    assert {name for pair in servers for name in pair if name} == {"anywire1", "anywire2"} and "listen 8080;" in made
    for name in ("anywire1", "anywire2"):  # which have no address here
        made = made.replace(name, "127.0.0.1")
    temporary = "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{ access_log off;\n{temporary}{made}\n}}\n")
    arguments = ["-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "error.log")]
    done = subprocess.run([program("nginx"), *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


def test_the_image_has_all_that_the_server_needs(start_server, tmp_path):
    """What the Dockerfile copies, without what its list leaves out, starts by its command."""
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    left_out = [line for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    shutil.copytree(ROOT, tmp_path / "image", ignore=shutil.ignore_patterns(*(name.removeprefix("**/") for name in left_out)))
    for source in re.findall(r"requirements/\S+\.txt", " ".join(lines)):
        assert (tmp_path / "image" / source).exists()
    (command,) = [line.removeprefix("CMD ") for line in lines if line.startswith("CMD ")]
    words = re.findall(r'"([^"]+)"', command)
    assert words[0] == "python"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {"ANYWIRE_PORT": str(port), "ANYWIRE_DATA": str(tmp_path / "data"), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(
        [sys.executable, *words[1:]], cwd=tmp_path / "image", env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        health = loaded(DEPLOY / "compose.yml")["services"]["anywire1"]["healthcheck"]["test"]
        check = [sys.executable, "-c", health[-1].replace(":8000", f":{port}")]
        eventually(lambda: subprocess.run(check, capture_output=True, timeout=10, check=False).returncode == 0, 30)
        process.terminate()
        assert process.wait(30) == 0
