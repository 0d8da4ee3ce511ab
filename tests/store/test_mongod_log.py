"""mongod's log stays short, and says why a run ended."""

from store import mongod_log


def test_the_words_of_a_full_disk(tmp_path):
    """mongod's own, when the disk fills up before anybody looked at its size."""
    log = mongod_log.MongodLog(tmp_path / "log")
    with log.begin() as output:
        output.write(
            b'{"s":"E","msg":"WiredTiger error message","attr":{"error":28,"message":{"msg":"pwrite: No space left on device"}}}\n'
        )
        output.write(b'{"s":"F","msg":"aborting"}\n')
    assert log.failure() == ("disk-full", "WiredTiger error message: pwrite: No space left on device")


def test_the_log_stays_short(tmp_path, monkeypatch):
    monkeypatch.setattr(mongod_log, "KEEP_BYTES", 1000)
    log = mongod_log.MongodLog(tmp_path / "log")
    assert log.text() == "" and log.failure() == ("mongod-did-not-start", "it wrote nothing")
    with log.begin() as output:
        for number in range(5):
            output.write(b"%d " % number + b"x" * 600 + b"\n")
            output.flush()
            log.trim()
    assert (tmp_path / "log").stat().st_size < 1000
    assert log.text().startswith("4 ")
    assert (tmp_path / "log.old").read_text().startswith("2 ")
    with log.begin() as output:
        output.write(b"next run\n")
    assert log.failure() == ("mongod-did-not-start", "next run")
