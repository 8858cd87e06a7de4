import csv
from pathlib import Path

import numpy as np
import pytest

from models.errors import UserError
from pipeline.serving.offline import Protocol, read_protocol, score_pairs, write_scores


@pytest.fixture
def write(tmp_path):
    def written(text: str | bytes):
        path = tmp_path / "pairs.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return written


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


def refusal(path) -> str:
    with pytest.raises(UserError) as caught:
        read_protocol(path, path.parent)
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


def test_a_list_is_read_whatever_the_order_and_number_of_columns(write, tmp_path):
    touch(tmp_path, "a, 1.png", "b.png", "c.png", "x, y", "ä.png")
    path = write('\ufeffsame,note,image_b,image_a\r\n1,"x, y",b.png,"a, 1.png"\r\n 0 ,,ä.png,c.png\r\n')
    found = read_protocol(path, tmp_path)
    assert (found.a, found.b) == (["a, 1.png", "c.png"], ["b.png", "ä.png"])
    assert found.same.tolist() == [1, 0]
    assert found.root == tmp_path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image_a,image_b,same\na,b,1\na,b,maybe\n", " line 3: 'a,b,maybe' must be two paths and same = 1 or 0"),
        ("image_a,image_b,same\na,b\n", " line 2: 2 fields, but 3 columns"),
        ("image_a,image_b,same\na,b,1\na,d,1\n", " line 3: no image 'd'"),
        ("image_a,image_b,same\n,b,1\n", " line 2: ',b,1' must be two paths"),
        ('image_a,image_b,same\n"a\nb",c,0\n\nd,e,2\n', " line 5: 'd,e,2' must be two paths"),
        ("image_a,same\na,1\n", ": column image_b is missing; it must have image_a,image_b,same"),
        ("", ": column image_a is missing"),
        ("image_a,image_b,same\n", ": holds no pairs"),
        (b"image_a,image_b,same\n\xff,b,1\n", " line 2: not UTF-8"),
    ],
)
def test_a_fault_is_named_with_its_line(write, text, message):
    path = write(text)
    touch(path.parent, "a", "b", "c", "a\nb")
    assert refusal(path).startswith(f"{path}{message}")


def test_lfws_names_are_files_without_their_ending(tmp_path):
    (tmp_path / "Ann Lee").mkdir()
    for number in (1, 12):
        (tmp_path / "Ann Lee" / f"Ann Lee_{number:04d}.jpg").touch()
    (tmp_path / "pairs.txt").write_text("1\t1\nAnn Lee\t1\t12\n")
    found = read_protocol(tmp_path / "pairs.txt", tmp_path)
    assert (found.a, found.b) == (["Ann Lee/Ann Lee_0001.jpg"], ["Ann Lee/Ann Lee_0012.jpg"])


def test_a_list_that_is_not_there_is_named(tmp_path):
    assert refusal(tmp_path / "none.csv").endswith("No such file or directory")


class OneNumber:
    """A model that embeds a file as the number it holds."""

    asked = 0

    def embed(self, encoded, on_batch):
        numbers = [[float(text)] for text in encoded]
        self.asked += len(numbers)
        on_batch(len(numbers))
        return np.array(numbers)

    def score_embeddings(self, a, b):
        distance = np.abs(a - b)[:, 0]
        return distance, -distance


def test_pairs_keep_their_order_and_images_are_read_once(tmp_path, monkeypatch):
    for name, number in {"z": 1, "a": 5, "m": 9}.items():
        (tmp_path / name).write_text(str(number))
    monkeypatch.setattr("pipeline.serving.offline.read_image", lambda path: path.read_text())
    pairs = [("z", "a"), ("m", "z"), ("a", "a"), ("a", "z")]
    model, protocol = OneNumber(), Protocol(tmp_path, *map(list, zip(*pairs, strict=True)), np.array([0, 0, 1, 0]))
    distance, score = score_pairs(model, protocol)
    assert distance.tolist() == [4, 8, 0, 4]
    assert score.tolist() == [-4, -8, 0, -4]
    assert model.asked == 3


def test_scores_are_written_beside_their_pairs(tmp_path):
    protocol = Protocol(tmp_path, ["a, 1.png", "c"], ["b", "d"], np.array([1, 0]))
    touch(tmp_path, *protocol.a, *protocol.b)
    path = tmp_path / "scores.csv"
    write_scores(path, protocol, np.array([0.25, 1.0]), np.array([0.75, 0.125]))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "image_a": "a, 1.png",
        "image_b": "b",
        "same": "1",
        "distance": "0.250000",
        "score": "0.750000",
    }
    assert read_protocol(path, tmp_path).same.tolist() == [1, 0]


def test_scores_that_cannot_be_written_are_named(tmp_path):
    protocol = Protocol(tmp_path, ["a"], ["b"], np.array([1]))
    with pytest.raises(UserError, match=r"none/scores\.csv: No such file"):
        write_scores(tmp_path / "none" / "scores.csv", protocol, np.zeros(1), np.zeros(1))
