"""The executor: reads images, chooses pairs, writes them."""

import json
import shutil
from dataclasses import replace
from typing import Any

import apache_beam as beam
import numpy as np
from absl import logging
from apache_beam.io.filesystems import FileSystems
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.dsl.io import fileio
from tfx.types import Artifact, artifact_utils
from tfx.utils import path_utils

from components.artifact_types import Artifacts
from components.pair_generator.artifacts import COUNTS_FILE, TABLE_FILE, as_markdown, count_split
from components.pair_generator.image_embeddings import embed_images
from components.pair_generator.index import LENGTH, ImageIndex, check_apart
from components.pair_generator.listed_pairs import choose_listed
from components.pair_generator.selection import Selection, SplitImages, choose_pairs
from components.pair_generator.settings import PairSettings
from components.pair_generator.transforms import (
    ID_COLUMNS,
    RECORD_COLUMNS,
    SLICE_COLUMNS,
    IndexShards,
    PairsToWrite,
    ShardToIndex,
    WritePairs,
    part_file,
    read_table,
    write_table,
)
from components.storage.pair_lists import read_pair_lists
from components.storage.tfrecords import find_shards, is_local, link_or_copy, must_copy
from models.checksums import PartFile
from models.data.features import IMAGE_ID, SPLITS, TEST, TRAIN
from models.data.pairs_artifact import MANIFEST, PROPERTY, images_part, manifest_text
from models.errors import UserError

_RANGE_PAIRS = 1 << 16  # pairs a file
_RANGE_BYTES = 64 << 20  # of pixels a file, where it carries them
_ID_PAIR_BYTES = 512  # at most, of a pair Example without pixels
_WORK = "_work"  # folder of the pairs artifact, removed at the end


class Executor(BaseBeamExecutor):
    """Chooses the pairs of every split on ids, then writes them."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Reads ``images``; writes ``pairs`` and ``report``.

        Raises:
          UserError: a split gives no pairs, an image is in two splits, images are compressed, or the disk is too small.
        """
        images = artifact_utils.get_single_instance(input_dict["images"])
        pairs = artifact_utils.get_single_instance(output_dict["pairs"])
        report = artifact_utils.get_single_instance(output_dict["report"])
        settings = PairSettings.model_validate_json(exec_properties["settings"])
        seed = exec_properties["seed"]

        shards = {
            split: find_shards(artifact_utils.get_split_uri([images], split))
            for split in images.splits
            if split in SPLITS
        }
        fileio.makedirs(pairs.uri)
        work = FileSystems.join(pairs.uri, _WORK)
        try:
            indices, files = self._index(shards, work)
            check_apart(indices)
            model = next(iter(input_dict.get("baseline_model", [])), None)
            chosen = _choose(
                indices, shards, settings, seed, path_utils.serving_model_path(model.uri) if model else None
            )
            _check_disk(shards, indices, chosen, pairs.uri)
            pairs.splits = list(shards)
            examples_utils.set_payload_format(pairs, examples_utils.get_payload_format(images))
            self._write(shards, indices, chosen, pairs, work)
            _declare_images(pairs, files)
        finally:
            if fileio.exists(work):
                fileio.rmtree(work)
        _report(indices, chosen, settings, seed, report.uri)

    def _index(
        self, shards: dict[str, list[str]], work: str
    ) -> tuple[dict[str, ImageIndex], dict[str, list[PartFile]]]:
        """The images of each split, and the checksums of its shards."""
        tasks = {
            split: [
                ShardToIndex(shard, number, FileSystems.join(work, f"{split}-{number:05}.index"))
                for number, shard in enumerate(files)
            ]
            for split, files in shards.items()
        }
        fileio.makedirs(work)
        with self._make_beam_pipeline() as pipeline:
            pipeline | beam.Create([task for some in tasks.values() for task in some]) | IndexShards()
        tables = {split: [read_table(task.target) for task in some] for split, some in tasks.items()}
        indices = {split: ImageIndex.of(split, parts) for split, parts in tables.items()}
        return indices, {split: [part_file(table) for table in parts] for split, parts in tables.items()}

    def _write(
        self,
        shards: dict[str, list[str]],
        indices: dict[str, ImageIndex],
        chosen: dict[str, Selection],
        pairs: Artifact,
        work: str,
    ) -> None:
        tasks = []
        for split, selection in chosen.items():
            folder = artifact_utils.get_split_uri([pairs], split)
            fileio.makedirs(folder)
            if split == TEST:
                tasks += _ranges(split, indices[split], selection, folder, work, tuple(shards[split]))
            else:
                tasks += _ranges(split, indices[split], selection, folder, work)
                linked = link_or_copy(shards[split], FileSystems.join(pairs.uri, images_part(split)))
                logging.info("%s: %d image files, %d of them linked", split, len(shards[split]), linked)
        with self._make_beam_pipeline() as pipeline:
            pipeline | beam.Create(tasks) | WritePairs()


def _declare_images(pairs: Artifact, files: dict[str, list[PartFile]]) -> None:
    """Writes the manifest of the images that the artifact carries beside its splits, and names them as a property."""
    parts = {images_part(split): some for split, some in files.items() if split != TEST}
    with fileio.open(FileSystems.join(pairs.uri, MANIFEST), "w") as file:
        file.write(manifest_text(parts))
    pairs.set_string_custom_property(PROPERTY, " ".join(parts))


def _choose(
    indices: dict[str, ImageIndex], shards: dict[str, list[str]], settings: PairSettings, seed: int, model: str | None
) -> dict[str, Selection]:
    """The pairs of every split: of the user's list where there is one, else generated."""
    addresses = settings.protocol.given()
    lists = read_pair_lists(addresses)
    chosen = {}
    for split, index in indices.items():
        images = SplitImages(index.identities, index.groups, index.imitated)
        if split in lists:
            ids = [image_id.decode() for image_id in index.table[IMAGE_ID].to_pylist()]
            chosen[split] = choose_listed(addresses[split], lists[split], ids, images)
            continue
        if settings.mined and split == TRAIN and model:
            images = replace(images, embeddings=embed_images(model, index, shards[split]))
        chosen[split] = choose_pairs(images, settings, split, seed)
    return chosen


def _ranges(
    split: str, index: ImageIndex, selection: Selection, folder: str, work: str, shards: tuple[str, ...] = ()
) -> list[PairsToWrite]:
    """Cuts the pairs into ranges that depend on the images and the settings alone."""
    columns = (*ID_COLUMNS, *RECORD_COLUMNS, *SLICE_COLUMNS) if shards else ID_COLUMNS  # the group is named twice
    table = index.sides(selection, tuple(dict.fromkeys(columns)))
    size = _RANGE_PAIRS
    if shards:
        size = int(np.clip(_RANGE_BYTES * len(table) // index.record_bytes(selection), 1, _RANGE_PAIRS))
    count = -(-len(table) // size)
    tasks = []
    for number in range(count):
        task = PairsToWrite(
            FileSystems.join(work, f"{split}-{number:05}.pairs"),
            FileSystems.join(folder, f"pairs-{number:05}-of-{count:05}.tfrecord"),
            shards,
        )
        write_table(task.table, table.slice(number * size, size))
        tasks.append(task)
    return tasks


def _check_disk(
    shards: dict[str, list[str]], indices: dict[str, ImageIndex], chosen: dict[str, Selection], uri: str
) -> None:
    """Checks that the pairs fit on the disk before anything is written."""
    if not is_local(uri):
        return
    need = sum(len(selection.kind) for selection in chosen.values()) * _ID_PAIR_BYTES
    for split, selection in chosen.items():
        if split == TEST:
            need += indices[split].record_bytes(selection)
        elif must_copy(shards[split][0], uri):
            need += int(indices[split].table[LENGTH].to_numpy().sum())
    free = shutil.disk_usage(uri).free
    if need > free:
        raise UserError(
            f"{uri}: the pairs need about {need / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; free disk space, or "
            f"lower pairs.count.{TEST} or pairs.per_image",
            code="data-disk-space",
        )


def _report(
    indices: dict[str, ImageIndex], chosen: dict[str, Selection], settings: PairSettings, seed: int, uri: str
) -> None:
    splits = {split: count_split(indices[split], selection) for split, selection in chosen.items()}
    counts = {"seed": seed, "settings": settings.model_dump(mode="json"), "splits": splits}
    fileio.makedirs(uri)
    for name, text in ((COUNTS_FILE, json.dumps(counts, indent=2) + "\n"), (TABLE_FILE, as_markdown(counts))):
        with fileio.open(FileSystems.join(uri, name), "w") as file:
            file.write(text)
