"""What keeps the server from starting is said in a sentence, by the process itself."""

import socket
import subprocess
import sys

import pytest

from store.connect import connect
from store.meta import load_meta
from tests.certificate import make_certificate
from tests.running import ROOT, Server


def started_badly(server: Server) -> str:
    """Its output; it ended by itself, with an error."""
    with pytest.raises(RuntimeError) as failed:
        server.start()
    assert server.process is not None and server.process.wait(10) == 1
    assert "Traceback" not in str(failed.value)
    return str(failed.value)


def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = Server(port=taken.getsockname()[1])
        assert f"Can't listen on 127.0.0.1, port {server.settings['port']}" in started_badly(server)
        server.close()


def test_a_mongodb_that_is_not_there():
    server = Server(mongodb_uri="mongodb://127.0.0.1:9/?replicaSet=rs0")
    assert "Anywire can't start" in started_badly(server)
    server.close()


@pytest.mark.gen_test(timeout=60)
async def test_a_database_that_refuses_the_index(mongo_uri):
    """Two messages with one id, as nothing of ours writes them."""
    made = await connect(uri=mongo_uri, data=ROOT, driver="pymongo", database="refuses")
    await made.database.log.insert_many([{"_id": number, "k": [b"x" * 16]} for number in range(2)])
    head, _, query = mongo_uri.partition("/?")
    server = Server(mongodb_uri=f"{head}/refuses?{query}")
    output = started_badly(server)
    server.close()
    await made.writer.drop_database("refuses")
    await load_meta(made.database)
    await made.writer.drop_database("refuses")
    await made.close()
    assert "Anywire can't start" in output and "refuses" in output


def test_a_certificate_that_is_not_there(tmp_path):
    server = Server(tls_cert=tmp_path / "none.pem")
    output = started_badly(server)
    assert f"Can't speak TLS with the certificate {tmp_path / 'none.pem'}: No such file or directory" in output
    server.close()


def test_a_key_that_is_not_the_certificate_s(tmp_path):
    for name in ("one", "another"):
        (tmp_path / name).mkdir()
        make_certificate(tmp_path / name)
    settings = {"tls_cert": tmp_path / "one" / "cert.pem", "tls_key": tmp_path / "another" / "key.pem"}
    for wrong in (settings, {"tls_cert": settings["tls_key"]}, {"tls_cert": settings["tls_cert"]}):
        server = Server(**wrong)
        assert "they hold no certificate with its key" in started_badly(server)
        server.close()


def test_a_key_with_a_passphrase_is_refused_and_not_asked_for(tmp_path):
    """Asking the terminal would be a start that never ends."""
    certificate, key = make_certificate(tmp_path)
    locked = tmp_path / "locked.pem"
    command = ["openssl", "rsa", "-aes256", "-passout", "pass:secret", "-in", str(key), "-out", str(locked)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    server = Server(tls_cert=certificate, tls_key=locked)
    assert "a passphrase" in started_badly(server)
    server.close()


def test_a_key_without_a_certificate(tmp_path):
    server = Server(tls_key=tmp_path / "key.pem")
    assert "ANYWIRE_TLS_KEY names a key, but no ANYWIRE_TLS_CERT its certificate" in started_badly(server)
    server.close()


def test_a_setting_that_is_wrong():
    done = subprocess.run(
        [sys.executable, "server.py", "--port", "many"], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 1 and "ANYWIRE_PORT (--port)" in done.stderr and "Traceback" not in done.stderr
