"""TensorBoard's embedding projector: the validation images by their embeddings."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image, ImageOps
from tensorboard.plugins import projector

from models.data.dataset import ImageTable, Ints

MOST = 2000  # images: the projector's own views grow slow beyond
_SIDE = 48  # pixels of a thumbnail


def write_projector(folder: Path, images: ImageTable, rows: Ints, embeddings: NDArray[np.float32]) -> None:
    """Writes the files of the projector: ``embeddings.tsv``, ``metadata.tsv``, ``sprite.png`` and its configuration.

    Into ``embeddings``, a run of its own: the projector looks into folders with events, and again when one is new.

    Args:
      folder: of TensorBoard's logs.
      images: the table.
      rows: [n], the images that were embedded; more than ``MOST`` are thinned out evenly.
      embeddings: [n, d].
    """
    kept = np.linspace(0, len(rows) - 1, min(MOST, len(rows))).astype(int)
    rows, embeddings = rows[kept], embeddings[kept]
    folder = folder / "embeddings"
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / "embeddings.tsv", embeddings, fmt="%.5g", delimiter="\t")
    ids = {row: image_id for image_id, row in images.row_of.items()}
    with (folder / "metadata.tsv").open("w", encoding="utf-8") as file:
        file.write("identity\timage\n")
        for row in rows.tolist():
            file.write(f"{images.name_of(row)}\t{_line(ids.get(row, b''))}\n")
    columns = int(np.ceil(np.sqrt(len(rows))))
    sprite = Image.new("RGB", (columns * _SIDE, columns * _SIDE), "white")
    for position, row in enumerate(rows.tolist()):
        thumbnail = Image.fromarray(images.pixels[row].squeeze()).convert("RGB")
        across, down = position % columns * _SIDE, position // columns * _SIDE
        sprite.paste(ImageOps.pad(thumbnail, (_SIDE, _SIDE), Image.Resampling.BILINEAR, "white"), (across, down))
    sprite.save(folder / "sprite.png")
    config = projector.ProjectorConfig()
    shown = config.embeddings.add()
    shown.tensor_name, shown.tensor_path = "validation images", "embeddings.tsv"
    shown.metadata_path = "metadata.tsv"
    shown.sprite.image_path = "sprite.png"
    shown.sprite.single_image_dim.extend([_SIDE, _SIDE])
    projector.visualize_embeddings(str(folder), config)
    with tf.summary.create_file_writer(str(folder)).as_default(step=0):
        tf.summary.scalar("images", len(rows))


def _line(text: bytes) -> str:
    return " ".join(text.decode("utf-8", "replace").split())
