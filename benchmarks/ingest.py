"""Ingest: images a second of the component, compared with a bare loop over the same files with Pillow and TensorFlow.

    python -m benchmarks ingest --images DIR [--height 28] [--width 28] [--channels 1] [--scale-to 1600] [--limit 20000]

``--images`` is a folder of ``<identity>/<image>`` at any depth; its images are linked into one flat layout first.
``--scale-to``: they are scaled to so many pixels at their longer side instead, and saved as JPEG (quality 90): photos
as a camera gives them.

The bare loop is what a script would do: read a file, decode it with Pillow, resize it with TensorFlow in a compiled
function, write an Example of pixels, path and label. It checks, hashes, splits and reports nothing. Every figure is
from a process of its own, bound to so many cores. Its libraries are loaded before the time is taken; TensorFlow also in
the other processes that make images, which a run starts while it loads TFX (``--head-start 0``: it is not).

*of bare* compares images a second with those of the bare loop on
one core, times the cores; *CPU of bare* compares images a CPU second, which bears a busy machine better.
"""

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from models.library_environment import loading, prepare_native_libraries

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Runs the loop and the component, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--height", type=int, default=28)
    parser.add_argument("--width", type=int, default=28)
    parser.add_argument("--channels", type=int, default=1, choices=(1, 3))
    parser.add_argument("--scale-to", type=int, help="pixels of the longer side")
    parser.add_argument("--limit", type=int, default=20_000, help="images, chosen by the hash of their paths")
    parser.add_argument("--near-duplicates", default="report", choices=("off", "report"))
    parser.add_argument("--head-start", type=float, default=4.0, help="seconds for other processes to load TensorFlow")
    parser.add_argument("--times", type=int, default=1, help="runs of each; the one of least CPU time counts")
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)  # this script in its own subprocess
    args = parser.parse_args()
    if args.step:
        _step(args.step[0], Path(args.step[1]), json.loads(args.step[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        images = _gather(args.images, Path(folder) / "images", args.limit, args.scale_to)
        size = {"height": args.height, "width": args.width, "channels": args.channels}
        cores = sorted(os.sched_getaffinity(0))
        print(f"{images:,} images of {args.images} to {args.height} x {args.width} x {args.channels}")
        print("| what | cores | s | images/s | of bare | CPU s | images/CPU s | CPU of bare | peak MB | work MB |")
        print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
        runs: list[dict[str, Any]] = []
        for step, count in dict.fromkeys([("bare", 1), ("component", 1), ("component", len(cores))]):
            wanted = {"cores": cores[:count], "image": size, "near_duplicates": args.near_duplicates}
            wanted["head_start"] = args.head_start
            found = min((_run(step, folder, wanted) for _ in range(args.times)), key=lambda run: run["cpu"])
            runs.append(found)
            print(
                f"| {step} | {count} | {found['seconds']:.1f} | {images / found['seconds']:,.0f} "
                f"| {runs[0]['seconds'] / found['seconds'] / count:.2f} | {found['cpu']:.1f} "
                f"| {images / found['cpu']:,.0f} | {runs[0]['cpu'] / found['cpu']:.2f} "
                f"| {found['peak']:,.0f} | {found['work']:,.0f} |",
                flush=True,
            )


def _gather(source: Path, target: Path, limit: int, longer_side: int | None) -> int:
    """One folder an identity, whatever the depth; gives how many images there are."""
    from PIL import Image

    from components.storage.folders import LocalFolder, find_images

    paths = [source / image.path for image in find_images(LocalFolder(str(source)))[0]]
    drawn = sorted(paths, key=lambda path: hashlib.sha256(str(path.relative_to(source)).encode()).digest())[:limit]
    if not drawn:
        raise SystemExit(f"{source}: no images")
    numbers = {folder: str(number) for number, folder in enumerate(sorted({path.parent for path in drawn}))}
    for path in drawn:
        folder = target / numbers[path.parent]  # not by its own name, which may mean a part of a data set
        folder.mkdir(parents=True, exist_ok=True)
        if longer_side is None:
            (folder / path.name).symlink_to(path.resolve())
            continue
        image = Image.open(path).convert("RGB")
        times = longer_side / max(image.size)
        size = (round(image.width * times), round(image.height * times))
        image.resize(size, Image.Resampling.BICUBIC).save(folder / f"{path.stem}.jpg", quality=90)
    return len(drawn)


def _run(step: str, folder: str, wanted: dict[str, Any]) -> dict[str, Any]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-W", "ignore", __file__, "--images", ".", "--step", step, folder, json.dumps(wanted)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{step} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _step(step: str, folder: Path, wanted: dict[str, Any]) -> None:
    os.sched_setaffinity(0, wanted["cores"])  # before TensorFlow counts them
    prepare_native_libraries()
    with loading():
        import tensorflow as tf

        if step == "component":
            from pipeline.runners.in_process_beam import quicken

            quicken()
    tf.config.threading.set_intra_op_parallelism_threads(len(wanted["cores"]))
    with tempfile.TemporaryDirectory(dir=folder) as out:
        if step == "bare":
            found = _bare(folder / "images", Path(out), wanted)
        else:
            found = _component(folder / "images", Path(out), wanted)
    print(json.dumps(found))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _bare(images: Path, out: Path, wanted: dict[str, Any]) -> dict[str, float]:
    import numpy as np
    import tensorflow as tf
    from PIL import Image

    height, width, channels = (wanted["image"][name] for name in ("height", "width", "channels"))

    @tf.function(input_signature=[tf.TensorSpec([None, None, channels], tf.uint8)])
    def resized(pixels: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.round(tf.image.resize(pixels, (height, width), antialias=True)), tf.uint8)

    resized(np.zeros((height, width, channels), np.uint8))  # traced
    before, start, cpu = _peak(), time.perf_counter(), time.process_time()
    with tf.io.TFRecordWriter(str(out / "images.tfrecord")) as writer:
        for path in sorted(images.glob("*/*")):
            image = Image.open(path).convert("L" if channels == 1 else "RGB")
            pixels = resized(np.asarray(image).reshape(image.height, image.width, channels)).numpy()
            example = tf.train.Example()
            feature = example.features.feature
            feature["path"].bytes_list.value.append(str(path).encode())
            feature["label"].bytes_list.value.append(path.parent.name.encode())
            feature["pixels"].bytes_list.value.append(pixels.tobytes())
            writer.write(example.SerializeToString())
    return _figures(before, start, cpu)


def _component(images: Path, out: Path, wanted: dict[str, Any]) -> dict[str, float]:
    from absl import logging
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.types import standard_artifacts

    from components.artifact_types import IngestReport
    from components.image_example_gen.executor import Executor
    from components.image_example_gen.helper_processes import prepared
    from components.image_example_gen.settings import IngestSettings
    from models.settings import ImageSettings

    logging.set_verbosity(logging.ERROR)
    # the copies that a set has are no matter here
    settings = IngestSettings(max_quarantined=1, near_duplicates=wanted["near_duplicates"])
    examples, report = standard_artifacts.Examples(), IngestReport()
    for artifact, name in ((examples, "examples"), (report, "report")):
        artifact.uri = str(out / name)
        Path(artifact.uri).mkdir(parents=True)
    runner = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=[runner, "--sdk_container_image=none"], tmp_dir=str(out / "tmp"), unique_id="1"
    )
    properties = {
        "data_root": str(images),
        "settings": settings.model_dump_json(),
        "image": ImageSettings(**wanted["image"]).model_dump_json(),
        "protocol": "{}",
        "seed": 0,
    }
    with prepared():
        if len(wanted["cores"]) > 1:
            time.sleep(wanted["head_start"])
        before, start, cpu = _peak(), time.perf_counter(), time.process_time()
        Executor(context).Do({}, {"examples": [examples], "report": [report]}, properties)
        return _figures(before, start, cpu)


def _figures(before: float, start: float, cpu: float) -> dict[str, float]:
    seconds, used = time.perf_counter() - start, time.process_time() - cpu
    return {"seconds": seconds, "cpu": used, "peak": _peak(), "work": _peak() - before}


if __name__ == "__main__":
    main()
