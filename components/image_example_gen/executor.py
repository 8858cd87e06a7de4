"""Runs ImageExampleGen: list, assign splits, write in Beam, drop copies, check, report."""

import json
from typing import Any

import apache_beam as beam
import tensorflow as tf
from absl import logging
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.artifact_types import Artifacts
from components.image_example_gen import image_records, near_duplicates, quarantine, splits
from components.image_example_gen.identity_names import notes_on_identities
from components.image_example_gen.near_duplicates import Near
from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.address import OpenedSource, open_source
from components.image_example_gen.sources.source import Found
from components.image_example_gen.transforms import WriteImages, chunked, packed
from components.storage.pair_lists import read_pair_lists
from models.data.features import PREVIOUS, SPLITS
from models.errors import RejectedData, UserError
from models.settings import ImageSettings

COUNTS, QUARANTINE, NEAR_DUPLICATES = "counts.json", "quarantine.csv", "near_duplicates.csv"


class Executor(BaseBeamExecutor):
    """Errors of the user are raised as UserError before or after the Beam pipeline, never within."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Writes ``examples`` (splits train, val, test, and previous where there is a previous span) and ``report``.

        Raises:
          UserError: no images, contradictory splits, or too little disk space.
          RejectedData: too many unusable images, label conflicts, or too few identities in a split.
        """
        settings = IngestSettings.model_validate_json(exec_properties["settings"])
        image = ImageSettings.model_validate_json(exec_properties["image"])
        root, seed = exec_properties["data_root"], exec_properties["seed"]
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        report = artifact_utils.get_single_instance(output_dict["report"])

        opened = open_source(root, settings)
        listing = opened.source.list()
        addresses = json.loads(exec_properties["protocol"])
        found = splits.assign_listed_splits(listing, addresses, read_pair_lists(addresses))
        found = splits.complete_given_splits(found, settings.split, listing.notes)
        previous = drift_sample(opened, settings.drift_sample, seed)
        image_records.check_space(examples.uri, image_records.bytes_needed(len(found) + len(previous), image))
        logging.info("%d images in %s", len(found), root)
        folder = f"{report.uri}/.rows"
        write = WriteImages(opened.source, examples.uri, folder, settings, image, seed)
        rows = self._write_images(write, examples.uri, folder, found)
        compared = 0
        if opened.previous and previous:
            write = WriteImages(opened.previous, examples.uri, folder, settings, image, seed)
            written = self._write_images(write, examples.uri, folder, previous)
            compared = sum(not row.reason for row in written)

        dropped = quarantine.find_dropped(rows)
        kept, near = _settle(examples.uri, rows, dropped, settings, len(chunked(found)))
        quarantined = quarantine.quarantine(rows, dropped, listing.set_aside)
        figures = quarantine.count(kept, quarantined, image_records.bytes_written(examples.uri))
        figures["dim"] = sum(row.dim for row in kept)
        if image.trim is not None:
            figures["untrimmed"] = sum(row.untrimmed for row in kept)
        if settings.near_duplicates != "off":
            figures["near_duplicates"] = near_duplicates.count(kept, near)
            _write_text(f"{report.uri}/{NEAR_DUPLICATES}", near_duplicates.as_csv(kept, near))
        figures["passed_over"], figures["linked"] = dict(listing.passed_over), listing.linked
        figures["spans"] = [span.number for span in opened.spans]
        if opened.previous:
            figures["previous"] = {"span": opened.previous.spans[-1].number, "images": compared}
        figures["notes"] = [*listing.notes, *notes_on_identities(one.identity for one in found if not one.impostor_of)]
        unused = quarantine.csv_text(("path", "reason", "bytes"), (one[:3] for one in quarantined))
        _write_text(f"{report.uri}/{COUNTS}", json.dumps(figures, indent=2) + "\n")
        _write_text(f"{report.uri}/{QUARANTINE}", unused)
        try:
            quarantine.check_conflicts(dropped, root, settings.conflicts)
            quarantine.check_quarantined(figures, root, settings.max_quarantined, listing.hint)
            splits.check_splits(kept, settings.split, seed)
            splits.check_genuine(kept, settings.split, seed)
        except UserError as error:  # TFX removes the outputs of a node that fails
            raise RejectedData(str(error), unused, figures, code=error.code) from None

        examples.split_names = artifact_utils.encode_split_names([*SPLITS, *([PREVIOUS] if compared else [])])
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
        logging.info("%d images kept, %d files set aside", len(kept), len(quarantined))

    def _write_images(self, write: WriteImages, uri: str, folder: str, found: list[Found]) -> list[Found]:
        """Runs the Beam pipeline; its rows are returned through files, sorted by path."""
        with self._make_beam_pipeline() as pipeline:
            _ = pipeline | "Chunks" >> beam.Create(list(map(packed, chunked(found)))) | "WriteImages" >> write
        rows = image_records.read_rows(folder)
        tf.io.gfile.rmtree(folder)
        image_records.remove_half_written(uri)
        if len(rows) != len(found):
            raise RuntimeError(f"{uri}: {len(rows)} of {len(found)} files are accounted for")
        return rows


def drift_sample(opened: OpenedSource, size: int, seed: int) -> list[Found]:
    """Images of the previous span, chosen by hash, to be written into the split ``previous``; sorted by id.

    A previous span that cannot be read stops nothing: the new images are then compared with nothing, with a warning.
    """
    if opened.previous is None or not size:
        return []
    try:
        found = opened.previous.list().found
    except UserError as error:
        logging.warning("the previous span is skipped: %s", error)
        return []
    drawn = sorted(found, key=lambda one: splits.fraction(seed, f"{PREVIOUS}:{one.image_id}"))[:size]
    return sorted(one._replace(given_split=PREVIOUS) for one in drawn)


def _settle(
    uri: str, rows: list[Found], dropped: dict[str, str], settings: IngestSettings, chunks: int
) -> tuple[list[Found], list[Near]]:
    """Removes dropped images from their files and, if configured, moves near-duplicates into one split.

    Only the chunks of such images are rewritten.

    Returns:
      the images that are kept, with their final splits, and the near-duplicates among them.
    """
    kept = [row for row in rows if not row.reason and row.image_id not in dropped]
    near, moves = [], dict.fromkeys(dropped, "")
    if settings.near_duplicates != "off":
        near = near_duplicates.find_near([row.perceptual for row in kept], settings.near_distance)
    if settings.near_duplicates == "together":
        moves |= near_duplicates.moves_to_one_split(kept, near, lambda row: splits.split_key(row, settings.split))
        kept = [row._replace(split=moves.get(row.image_id, row.split)) for row in kept]
    for chunk in sorted({row.chunk for row in rows if row.image_id in moves}):
        image_records.rewrite_chunk(uri, chunk, chunks, moves)
    image_records.remove_half_written(uri)
    return kept, near


def _write_text(path: str, text: str) -> None:
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text)
