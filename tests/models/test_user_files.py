"""Files that a person names: a pipe, a device or a name that no file can have is one line, and no read hangs."""

import os
import socket
import threading

import pytest

from components.schema_source.image_schema import read_reviewed
from components.storage.folders import read_file
from components.storage.pair_lists import ImagesOnDisk, read_pair_list, resolve
from components.storage.text_files import decode_text
from models import user_files
from models.errors import UserError
from models.export.inference import read_image
from models.export.manifest import FILE, ModelManifest
from models.user_files import create_text, described, open_regular, read_bytes, read_text, replacing
from pipeline.config import load_config
from pipeline.runners.kubeflow.check import file_findings
from pipeline.runners.kubeflow.compile.compiled_file import read_compiled
from pipeline.serving.offline import read_protocol

READERS = [
    pytest.param(read, id=name)
    for name, read in {
        "configuration": load_config,
        "pair list": lambda path: read_pair_list(str(path)),
        "list or manifest": lambda path: decode_text(str(path), read_file(str(path))),
        "schema": read_reviewed,
        "image": read_image,
        "compiled pipeline": read_compiled,
        "pipeline to check": file_findings,
        "pairs of evaluate": lambda path: read_protocol(path, path.parent),
    }.items()
]


@pytest.fixture(
    params=["pipe", "socket", "device", "endless-device", "folder", "loop", "missing", "long", "nul", "binary"]
)
def odd(request, tmp_path):
    path = tmp_path / "odd.csv"
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path)) if len(str(path)) < 100 else path.symlink_to("/dev/null")
    elif request.param in ("device", "endless-device"):
        path.symlink_to("/dev/null" if request.param == "device" else "/dev/zero")
    elif request.param == "folder":
        path.mkdir()
    elif request.param == "loop":
        path.symlink_to(path)
    elif request.param == "long":
        return tmp_path / ("x" * 5000)
    elif request.param == "nul":
        return tmp_path / "x\0y"
    elif request.param == "binary":
        path.write_bytes(b"\x00\xff\xfe" * 100)
    return path


@pytest.mark.parametrize("read", READERS)
def test_whatever_the_file_is_there_is_one_line(read, odd):
    with pytest.raises(UserError) as raised:
        read(odd)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 2000
    str(raised.value).encode("utf-8")


def test_a_manifest_of_a_model_that_is_a_pipe(tmp_path):
    (tmp_path / FILE).parent.mkdir()
    os.mkfifo(tmp_path / FILE)
    with pytest.raises(UserError, match="nobody writes to"):
        ModelManifest.read(tmp_path)


def test_an_image_that_is_a_pipe_beside_a_list(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    os.mkfifo(tmp_path / "b")
    images = ImagesOnDisk(tmp_path)
    assert [images.find(name) for name in ("a.png", "a", "b", "x\0", "y" * 5000, "z/" * 3000)] == [None] * 6


@pytest.mark.parametrize("number", ["9" * 5000, "²", "\u0661"])
def test_numbers_that_python_does_not_read(tmp_path, number):
    file = tmp_path / "pairs.txt"
    file.write_text(f"1\nsomeone {number} 2\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 2"):
        read_pair_list(str(file))


def test_a_name_that_is_very_long_is_shortened_and_nothing_similar_is_searched(tmp_path):
    file = tmp_path / "pairs.csv"
    file.write_text(f"image_a,image_b,same\n{'a' * 100_000},b,1\n", encoding="utf-8")
    (tmp_path / "c.png").write_bytes(b"")
    with pytest.raises(UserError) as raised:
        resolve("pairs.csv", read_pair_list(str(file)), ImagesOnDisk(tmp_path))
    assert len(str(raised.value)) < 50_000


def test_a_pipe_that_somebody_writes_to_is_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_text, args=("name: piped\n",), daemon=True).start()  # waits for a reader
    assert load_config(pipe).name == "piped"


def test_a_pipe_that_never_ends(tmp_path, monkeypatch):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr(user_files, "_SECONDS", 0.2)
    holder = os.open(pipe, os.O_RDWR)
    os.write(holder, b"name: piped\n")
    with pytest.raises(UserError, match="does not end within"):
        load_config(pipe)
    os.close(holder)


def test_the_bound_on_bytes(tmp_path):
    file = tmp_path / "f"
    file.write_bytes(b"a" * 100)
    assert read_bytes(file, 100) == b"a" * 100
    with pytest.raises(OSError, match="longer than 99 bytes"):
        read_bytes(file, 99)
    with file.open("wb") as sparse:
        sparse.truncate(1 << 40)
    with pytest.raises(UserError, match="longer than"):
        load_config(file)


def test_names_that_are_not_utf8_work(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")
    with create_text(path) as file:
        file.write("text\udce9")
    with open_regular(path) as file:
        assert file.read() == b"text\xe9"
    with pytest.raises(UserError, match=r"caf\\udce9\.txt: cannot be read: line 1 is not UTF-8"):
        read_text(path, "data-not-utf8", 100)


def half(path, error):
    with replacing(path) as staging:
        staging.write_text("half")
        raise error


@pytest.mark.parametrize("name", ["a.npz", "é" * 125 + ".csv", "b" * 255, "link"])
def test_a_file_is_replaced_entirely_or_not_at_all(tmp_path, name):
    (tmp_path / "link").symlink_to("target")
    path = tmp_path / name
    with pytest.raises(OSError, match="No space"):
        half(path, OSError(28, "No space left on device"))
    assert not path.exists()
    with replacing(path) as staging:
        assert staging.suffix == path.suffix
        staging.write_text("all")
    path.chmod(0o640)
    with pytest.raises(KeyboardInterrupt):
        half(path, KeyboardInterrupt())
    assert path.read_text() == "all"
    with replacing(path) as staging:
        staging.write_text("new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o640)
    assert (tmp_path / "link").is_symlink()
    assert {one.name for one in tmp_path.iterdir()} <= {name, "link", "target"}


@pytest.mark.parametrize("path", ["/dev/null", "pipe"])
def test_what_cannot_be_replaced_is_written_to(tmp_path, path):
    if path == "pipe":
        os.mkfifo(tmp_path / path)
    with replacing(tmp_path / path) as staging:
        assert staging == tmp_path / path


def test_an_output_that_is_a_pipe_nobody_reads(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="No such device"):
        create_text(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FileNotFoundError(2, "No such file", "/a\udce9"), r"/a\udce9: No such file"),
        (OSError("odd\nlines"), "odd lines"),
        (MemoryError(), "out of memory"),
        (RecursionError("deep"), "nested too deep"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(9, "Bad file descriptor", 3), "Bad file descriptor"),
    ],
)
def test_one_line_for_an_error_of_the_system(error, line):
    assert described(error) == line
