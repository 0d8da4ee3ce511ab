"""A certificate for the run, signed by nobody but itself."""

import subprocess
from pathlib import Path

from tests.browsers.processes import program


def make_certificate(path: Path) -> tuple[Path, Path]:
    """The files of it and of its key, in the folder *path*."""
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    certificate, key = path / "cert.pem", path / "key.pem"
    files = ["-keyout", str(key), "-out", str(certificate)]
    command = [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *files]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return certificate, key
