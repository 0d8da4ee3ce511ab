"""The file: what was put in comes out, and one wrong byte anywhere is refused."""

import os
import random

import bson
import pytest
from bson.timestamp import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from store import archive as form
from store.archive import Archive, ArchiveError, ArchiveWriter, Collection, Header

HEADER = Header(1, "epoch000", Timestamp(1, 2), [Collection("log", [{"name": "ids", "key": {"k": 1}}]), Collection("meta", [])])


def write(path, documents, header=HEADER):
    with ArchiveWriter(path, header) as archive:
        for number, document in documents:
            archive.add(number, bson.encode(document))
        archive.finish()


def read(path):
    archive = Archive(path)
    return archive.header, [(name, bson.decode(document)) for name, document in archive.documents()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / "whole.backup"
    write(path, [(0, {"_id": number, "text": random.Random(number).randbytes(40)}) for number in range(300)] + [(1, {"_id": "anywire"})])
    return path


@given(st.lists(st.tuples(st.integers(0, 1), st.dictionaries(st.text("abc", min_size=1), st.binary(max_size=200)))))
@settings(max_examples=50, deadline=None)
def test_what_goes_in_comes_out(tmp_path_factory, documents):
    path = tmp_path_factory.mktemp("archive") / "x.backup"
    documents.sort(key=lambda item: item[0])
    write(path, documents)
    assert read(path) == (HEADER, [(HEADER.collections[number].name, document) for number, document in documents])


@pytest.mark.parametrize("size", [0, 1, form.PIECE_BYTES - 40, 4 * form.PIECE_BYTES, 16 * 1024 * 1024 - 100])
def test_documents_of_any_size(tmp_path, size):
    documents = [(0, {"_id": 1, "b": os.urandom(size)}), (0, {"_id": 2, "b": bytes(size)}), (1, {"_id": 3})]
    write(tmp_path / "x", documents)
    assert read(tmp_path / "x")[1] == [(HEADER.collections[number].name, document) for number, document in documents]


def test_another_byte_anywhere_is_refused(whole, tmp_path):
    content = whole.read_bytes()
    places = {*range(120), *range(len(content) - 120, len(content)), *random.Random(1).sample(range(len(content)), 400)}
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path = tmp_path / "damaged"
        path.write_bytes(damaged)
        with pytest.raises(ArchiveError, match="damaged"):
            Archive(path)


def test_a_file_that_is_cut_or_goes_on_is_refused(whole, tmp_path):
    content = whole.read_bytes()
    path = tmp_path / "cut"
    for cut in (*(content[:size] for size in range(0, len(content), 97)), content[:-1], content + b"\n", content[1:]):
        path.write_bytes(cut)
        with pytest.raises(ArchiveError, match="damaged"):
            Archive(path)


@pytest.mark.parametrize(
    "records",
    [
        [],
        [(0, {"_id": 1})],
        [(0, {"_id": 1}), (form.END, {"counts": [2, 0]})],
        [(2, {"_id": 1}), (form.END, {"counts": [1, 0]})],
        [(form.END, {"counts": [0, 0]}), (0, {"_id": 1})],
    ],
    ids=["no end", "no end after a document", "wrong counts", "no such collection", "something after the end"],
)
def test_what_was_never_whole_is_refused_though_its_checksum_is_right(tmp_path, monkeypatch, records):
    path = tmp_path / "x"
    archive = ArchiveWriter(path, HEADER)
    for number, document in records:
        archive._buffer.append(number)
        archive._buffer += bson.encode(document)
    archive._flush()
    archive._write(archive._zlib.flush())
    archive._file.write(archive._hash.digest())
    archive._file.close()
    with pytest.raises(ArchiveError, match="damaged"):
        list(Archive(path.with_name("x.part")).documents())


def test_a_file_of_somebody_elses_and_one_that_is_not_there(tmp_path):
    (tmp_path / "x").write_text("Dear diary, " * 100)
    with pytest.raises(ArchiveError, match="no backup of Anywire's"):
        Archive(tmp_path / "x")
    (tmp_path / "x").write_bytes(b"ANYWIRE-BACKUP-2\n" + bytes(1000))
    with pytest.raises(ArchiveError, match="doesn't know"):
        Archive(tmp_path / "x")
    with pytest.raises(ArchiveError, match="No such file"):
        Archive(tmp_path / "y")


def test_nobody_else_may_read_it_and_nothing_is_overwritten(tmp_path):
    path = tmp_path / "x"
    write(path, [])
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ArchiveError, match="there already"):
        ArchiveWriter(path, HEADER)
    with pytest.raises(ArchiveError, match="can't be written: No such file"):
        ArchiveWriter(tmp_path / "no-folder" / "x", HEADER)


def test_what_does_not_come_to_its_end_leaves_no_file(tmp_path):
    with pytest.raises(ZeroDivisionError), ArchiveWriter(tmp_path / "x", HEADER) as archive:
        archive.add(0, bson.encode({"_id": 1}))
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up(small_disk, monkeypatch):
    disk = small_disk(8)
    with pytest.raises(ArchiveError, match="MB are free"):
        ArchiveWriter(disk / "x", HEADER)
    monkeypatch.setattr(form, "SPARE_BYTES", 0)
    with pytest.raises(ArchiveError, match="No space left"), ArchiveWriter(disk / "x", HEADER) as archive:
        for number in range(20):
            archive.add(0, bson.encode({"_id": number, "b": os.urandom(1_000_000)}))
        archive.finish()
    assert list(disk.iterdir()) == []
