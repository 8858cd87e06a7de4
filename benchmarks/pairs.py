"""Pair generation: seconds and memory of the component, compared with the same work in plain numpy and in polars.

    python -m benchmarks pairs [--sizes 1000 10000 100000 1000000] [--skewed 100000] [--large 5000 20000]

Makes image artifacts in a temporary folder (random pixels, 28 x 28; ``--large``: 84 x 84 x 3, 21 KB), ten images an
identity, five identities a group, 80:10:10 by identity, and gives each 4 pairs an image, the test pairs with their
pixels. ``--skewed``: half of the train images show one identity. Every figure is from a process of its own; CPU seconds
bear a busy machine better than seconds. *peak* is the resident set's maximum, *work* what of it came after the imports,
*written* the bytes of the pairs (train and val pixels are linked, not written).

The numpy and polars variants do what a script would: read the records with ``tf.data``, keep the test pixels in memory,
choose pairs without caps, groups or an even spread, with repeats dropped afterwards, and write with TensorFlow's writer
and our encoder (several times quicker than protobuf's API). They check nothing and their memory grows with the pixels.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SPLITS = {"train": 0.8, "val": 0.1, "test": 0.1}
SMALL, LARGE = (28, 28, 1), (84, 84, 3)
SHARDS = 4
VARIANTS = ("component", "numpy", "polars")
Columns = dict[str, list[Any]]


def main() -> None:
    """Runs every case and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    sizes = [1000, 10_000, 100_000, 1_000_000]
    parser.add_argument("--sizes", type=int, nargs="*", default=sizes, help="images of 28 x 28")
    parser.add_argument("--skewed", type=int, nargs="*", default=[100_000], help="the same, one identity with half")
    parser.add_argument("--variants", nargs="*", default=VARIANTS, choices=VARIANTS)
    parser.add_argument("--large", type=int, nargs="*", default=[5000, 20_000], help="images of 84 x 84 x 3")
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)  # this script in its own subprocess
    args = parser.parse_args()
    if args.step:
        _step(*args.step)
        return
    heads = ("images", "pixels", "variant", "pairs", "s", "images/s", "pairs/s", "CPU s", "CPU ratio")
    print("| " + " | ".join([*heads, "peak MB", "work MB", "written MB"]) + " |")
    print("|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    cases = [(SMALL, size, False) for size in args.sizes] + [(SMALL, size, True) for size in args.skewed]
    for shape, images, skewed in cases + [(LARGE, size, False) for size in args.large]:
        with tempfile.TemporaryDirectory() as folder:
            _run("make", folder, json.dumps([images, *shape, skewed]))
            runs = {variant: _run(variant, folder, "[]") for variant in args.variants}
        name = f"{images:,}{' skewed' if skewed else ''} | {shape[0] * shape[1] * shape[2]:,} B"
        first = next(iter(runs.values()))
        for variant, found in runs.items():
            print(
                f"| {name} | {variant} | {found['pairs']:,} | {found['seconds']:.1f} "
                f"| {images / found['seconds']:,.0f} | {found['pairs'] / found['seconds']:,.0f} | {found['cpu']:.1f} "
                f"| {found['cpu'] / first['cpu']:.2f} | {found['peak']:,.0f} | {found['work']:,.0f} "
                f"| {found['written'] / 1e6:,.0f} |",
                flush=True,
            )


def _run(step: str, folder: str, args: str) -> dict[str, Any]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-W", "ignore", __file__, "--step", step, folder, args]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{step} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _step(step: str, folder: str, args: str) -> None:
    root = Path(folder)
    if step == "make":
        _make_images(root / "images", *json.loads(args))
        print("{}")
        return
    work = {"component": _component, "numpy": _numpy, "polars": _polars}[step](root / "images", root / step)
    before, start, cpu = _peak(), time.perf_counter(), time.process_time()
    found = {"pairs": work(), "seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    files = [path for path in (root / step).rglob("*.tfrecord") if path.stat().st_nlink == 1]
    written = sum(path.stat().st_size for path in files)
    print(json.dumps({**found, "peak": _peak(), "work": _peak() - before, "written": written}))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _make_images(root: Path, images: int, height: int, width: int, channels: int, skewed: bool) -> None:
    import numpy as np
    import tensorflow as tf

    from components.storage.example_encoding import encode_example
    from components.storage.tfrecords import create_records, write_record

    measured = {key: tf.train.Feature(float_list={"value": [0.4]}) for key in ("brightness", "contrast")}
    same_for_all = tf.train.Example(features={"feature": measured}).SerializeToString()  # appended: protobuf merges
    pixels = np.random.default_rng(0).bytes(height * width * channels + images)
    number = 0
    for split, share in SPLITS.items():
        paths = [root / f"Split-{split}" / f"images-{n:05}-of-{SHARDS:05}.tfrecord" for n in range(SHARDS)]
        files = [create_records(str(path)) for path in paths]
        for _ in range(round(images * share)):
            person = 0 if skewed and number < images * SPLITS["train"] / 2 else number // 10
            identity = f"g{person // 5:05}/p{person:06}"
            example: dict[str, bytes | int] = {
                "image_id": f"{identity}/{number:07}.png".encode(),
                "image_digest": f"{number:064x}".encode(),
                "identity": identity.encode(),
                "group": identity.split("/", maxsplit=1)[0].encode(),
                "pixels": pixels[number : number + height * width * channels],
                "height": height,
                "width": width,
                "channels": channels,
                "source_height": height,
                "source_width": width,
                "impostor_of": b"",
            }
            write_record(files[number % SHARDS], encode_example(example) + same_for_all)
            number += 1
        for file in files:
            file.close()


def _component(images: Path, out: Path) -> Callable[[], int]:
    from absl import logging
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.types import standard_artifacts

    from components.artifact_types import PairReport
    from components.pair_generator.executor import Executor
    from components.pair_generator.settings import PairSettings

    logging.set_verbosity(logging.ERROR)
    runner = [
        "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
        "--sdk_container_image=in-process",  # or TFX packs its sources for workers that there are not: 1.5 s
    ]
    given, pairs, report = standard_artifacts.Examples(), standard_artifacts.Examples(), PairReport()
    given.uri, pairs.uri, report.uri = str(images), str(out / "pairs"), str(out / "report")
    given.splits = list(SPLITS)
    properties = {"settings": PairSettings().model_dump_json(), "seed": 0, "code_digest": ""}

    def work() -> int:
        executor = Executor(BaseBeamExecutor.Context(beam_pipeline_args=runner))
        executor.Do({"images": [given]}, {"pairs": [pairs], "report": [report]}, properties)
        counts = json.loads((out / "report" / "counts.json").read_text(encoding="utf-8"))
        return sum(split["pairs"] for split in counts["splits"].values())

    return work


def _numpy(images: Path, out: Path) -> Callable[[], int]:
    import numpy as np

    read, write = _reader(), _writer()

    def choose(table: Columns) -> tuple[Any, Any]:
        rng = np.random.default_rng(0)
        who = np.unique(np.array(table["identity"]), return_inverse=True)[1]
        order = np.lexsort((rng.random(len(who)), who))
        starts, sizes = np.searchsorted(who[order], who), np.bincount(who)[who]
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        near = [order[starts + (place - starts + step) % sizes] for step in (1, 2)]
        left = np.tile(np.arange(len(who)), 2)
        far = rng.permutation(left)
        right = np.where(who[far] == who[left], rng.permutation(far), far)
        ends = np.sort(np.stack([np.tile(left, 2), np.concatenate([*near, right])], axis=1), axis=1)
        ends = np.unique(ends, axis=0)
        ends = rng.permutation(ends[ends[:, 0] != ends[:, 1]])
        return ends[:, 0], ends[:, 1]

    return lambda: sum(write(out, split, table, *choose(table)) for split, table in read(images))


def _polars(images: Path, out: Path) -> Callable[[], int]:
    import polars as pl

    read, write = _reader(), _writer()

    def choose(table: Columns) -> tuple[Any, Any]:
        frame = pl.DataFrame({"who": table["identity"]}).with_row_index("a")
        frame = frame.sample(fraction=1.0, shuffle=True, seed=0)
        near = [frame.with_columns(b=pl.col("a").shift(-step).over("who")).drop_nulls() for step in (1, 2)]
        shuffled = [frame.with_columns(b=frame["a"].sample(fraction=1.0, shuffle=True, seed=seed)) for seed in (1, 2)]
        others = [
            far.join(frame.select(b="a", other="who"), on="b").filter(pl.col("who") != pl.col("other")).drop("other")
            for far in shuffled
        ]
        pairs = pl.concat([part.select("a", "b") for part in [*near, *others]])
        pairs = pairs.select(a=pl.min_horizontal("a", "b"), b=pl.max_horizontal("a", "b"))
        pairs = pairs.unique(maintain_order=False).sample(fraction=1.0, shuffle=True, seed=3)
        return pairs["a"].to_numpy(), pairs["b"].to_numpy()

    return lambda: sum(write(out, split, table, *choose(table)) for split, table in read(images))


def _reader() -> Callable[[Path], Iterator[tuple[str, Columns]]]:
    import tensorflow as tf

    def read(root: Path) -> Iterator[tuple[str, Columns]]:
        for split in SPLITS:
            keys = ["image_id", "identity", "group"] + (["pixels"] if split == "test" else [])
            spec = {key: tf.io.FixedLenFeature([], tf.string) for key in keys}
            files = sorted(str(path) for path in (root / f"Split-{split}").iterdir())
            records = tf.data.TFRecordDataset(files).batch(1024)
            table: Columns = {key: [] for key in keys}
            for batch in records.map(lambda rows, spec=spec: tf.io.parse_example(rows, spec)).as_numpy_iterator():
                for key in keys:
                    table[key].extend(batch[key].tolist())
            yield split, table

    return read


def _writer() -> Callable[[Path, str, Columns, Any, Any], int]:
    import tensorflow as tf

    from components.storage.example_encoding import encode_example

    def write(out: Path, split: str, table: Columns, left: Any, right: Any) -> int:
        folder = out / f"Split-{split}"
        folder.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(folder / "pairs.tfrecord")) as writer:
            for a, b in zip(left.tolist(), right.tolist(), strict=True):
                same = table["identity"][a] == table["identity"][b]
                features = {f"a_{key}": values[a] for key, values in table.items()}
                features |= {f"b_{key}": values[b] for key, values in table.items()}
                features["pair_id"] = table["image_id"][a] + b"|" + table["image_id"][b]
                features["kind"] = b"genuine" if same else b"impostor_random"
                features["same"] = int(same)
                writer.write(encode_example(features))
        return len(left)

    return write


if __name__ == "__main__":
    main()
