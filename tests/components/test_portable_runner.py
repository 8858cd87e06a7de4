"""On a portable runner whose workers are other processes, the transforms write what they write in this one.

Beam's own local job service, its SDK workers in subprocesses: what Flink, Spark and Dataflow do to our code (pickling,
no memory in common), without them.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
from apache_beam.portability import python_urns
from PIL import Image
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from components.artifact_types import IngestReport, PairReport
from components.image_example_gen.executor import Executor as Ingest
from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.transforms import CHUNK
from components.pair_generator.executor import Executor as Pairing
from components.pair_generator.settings import PairSettings
from models.settings import ImageSettings

UNPACKED = "--sdk_container_image=in-process"  # or TFX packs its sources for workers, which have them already
HERE = ["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner", UNPACKED]
ELSEWHERE = [
    "--runner=PortableRunner",
    "--job_endpoint=embed",
    f"--environment_type={python_urns.SUBPROCESS_SDK}",
    f"--environment_config={sys.executable} -m apache_beam.runners.worker.sdk_worker_main",
    UNPACKED,
]


@pytest.fixture(name="images")
def _images(tmp_path) -> Path:
    root = tmp_path / "my images"
    for number in range(2 * CHUNK + 60):
        path = root / f"identität {number % 12}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (12, 12), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    (root / "identität 1" / "broken.png").write_bytes(b"no image")
    return root


def run(images: Path, output: Path, options: list[str]) -> dict[str, str]:
    """Ingest and pairing; the digest of each file that they wrote."""
    made = {"examples": standard_artifacts.Examples(), "ingest": IngestReport()}
    made |= {"pairs": standard_artifacts.Examples(), "report": PairReport()}
    for name, artifact in made.items():
        artifact.uri = str(output / name)
    context = BaseBeamExecutor.Context(beam_pipeline_args=options, tmp_dir=str(output / "tmp"), unique_id="1")
    split = {"train": 0.4, "val": 0.3, "test": 0.3}
    Ingest(context).Do(
        {},
        {"examples": [made["examples"]], "report": [made["ingest"]]},
        {
            "data_root": str(images),
            "settings": IngestSettings(split=split).model_dump_json(),
            "image": ImageSettings(height=12, width=12).model_dump_json(),
            "protocol": "{}",
            "seed": 2,
        },
    )
    Pairing(context).Do(
        {"images": [made["examples"]]},
        {"pairs": [made["pairs"]], "report": [made["report"]]},
        {"settings": PairSettings().model_dump_json(), "seed": 2},
    )
    files = (path for name in made for path in (output / name).rglob("*") if path.is_file())
    return {str(path.relative_to(output)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_workers_in_other_processes_write_the_same_files(images, tmp_path):
    """Several chunks of the ingest, whose images are those of one bundle."""
    here = run(images, tmp_path / "here", HERE)
    assert run(images, tmp_path / "elsewhere", ELSEWHERE) == here
    assert any(path.endswith("-of-00003.tfrecord") for path in here)
    assert "ingest/quarantine.csv" in here
    assert sum(path.startswith("pairs/Split-") for path in here) == 3
