"""The component on archives: byte for byte the output for the folder that they were packed from."""

import csv
import hashlib
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tfx.types import standard_artifacts

from components.artifact_types import IngestReport
from components.image_example_gen.executor import Executor
from components.image_example_gen.settings import IngestSettings, SplitSettings
from models.errors import UserError
from models.settings import ImageSettings

BEAM = [
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--sdk_container_image=none",
    "--direct_running_mode=multi_threading",
    "--direct_num_workers=2",
]


@pytest.fixture(name="data", scope="module")
def _data(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data") / "my bilder ö"
    random = np.random.default_rng(1)
    for identity in range(12):
        folder = root / f"identität {identity}"
        folder.mkdir(parents=True)
        for image in range(3):
            Image.fromarray(random.integers(0, 256, (12, 12), dtype=np.uint8)).save(folder / f"{image}.png")
    (root / "identität 1" / "broken.png").write_bytes(b"no image")
    (root / "readme.txt").write_text("of them")
    return root


def ingest(address: Path, output: Path) -> dict[str, str]:
    """The digests of all files that the component writes."""
    examples, report = standard_artifacts.Examples(), IngestReport()
    for artifact, name in ((examples, "examples"), (report, "report")):
        artifact.uri = str(output / name)
        Path(artifact.uri).mkdir(parents=True)
    properties = {
        "data_root": str(address),
        "settings": IngestSettings(split=SplitSettings(train=0.4, val=0.3, test=0.3)).model_dump_json(),
        "image": ImageSettings(height=12, width=12).model_dump_json(),
        "protocol": "{}",
        "seed": 2,
    }
    context = Executor.Context(beam_pipeline_args=BEAM, tmp_dir=str(output / "tmp"), unique_id="1")
    Executor(context).Do({}, {"examples": [examples], "report": [report]}, properties)
    files = [path for folder in ("examples", "report") for path in (output / folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(output)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_archives_give_what_their_folder_gives(data, tmp_path):
    files = sorted(path for path in data.rglob("*") if path.is_file())
    with zipfile.ZipFile(tmp_path / "a b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files[::-1]:
            archive.write(path, path.relative_to(data))
    with tarfile.open(tmp_path / "a b.tar.xz", "w:xz") as archive:
        archive.add(data, data.name)  # all of it below its own name
    expected = ingest(data, tmp_path / "folder")
    assert ingest(tmp_path / "a b.zip", tmp_path / "zip") == expected
    assert ingest(tmp_path / "a b.tar.xz", tmp_path / "tar") == expected
    counts = json.loads((tmp_path / "zip" / "report" / "counts.json").read_text())
    assert counts["images"] == 36
    with (tmp_path / "zip" / "report" / "quarantine.csv").open(encoding="utf-8", newline="") as file:
        assert {row["path"] for row in csv.DictReader(file)} == {"identität 1/broken.png", "readme.txt"}


def test_one_that_tries_to_escape_writes_nothing(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a/1.png", b"")
        archive.writestr("../../escaped.png", b"")
    with pytest.raises(UserError, match=r"escaped\.png") as caught:
        ingest(tmp_path / "a.zip", tmp_path / "out" / "deep")
    assert caught.value.code == "data-archive-refused"
    assert not list(tmp_path.rglob("escaped.png"))
