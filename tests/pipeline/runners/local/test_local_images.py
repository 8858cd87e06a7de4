import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from pipeline.runners.local.images import write_digits


def test_the_files_are_the_digits(tmp_path):
    folder = write_digits(tmp_path / "digits")
    paths = sorted(folder.glob("*/*.png"), key=lambda path: path.name)
    digits = load_digits()
    assert len(paths) == 1797
    assert [int(path.parent.name) for path in paths] == digits.target.tolist()
    pixels = np.stack([np.asarray(Image.open(path)) for path in paths])
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(np.round(pixels / 255 * 16), digits.images)


def test_a_second_time_nothing_is_written(tmp_path):
    folder = write_digits(tmp_path / "digits")
    # Modification times are a part of the fingerprint of the images.
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.png")}
    assert write_digits(folder) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.png")} == before


def test_an_interrupted_run_starts_again(tmp_path, monkeypatch):
    calls = iter(range(1000))
    save = Image.Image.save

    def interrupted(self, path):
        if next(calls) == 100:
            raise KeyboardInterrupt
        save(self, path)

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_digits(tmp_path / "digits")
    assert not (tmp_path / "digits").exists()
    assert len(list(write_digits(tmp_path / "digits").rglob("*.png"))) == 1797
    assert [path.name for path in tmp_path.iterdir()] == ["digits"]
