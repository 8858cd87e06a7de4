"""The table of scored test pairs, ``scores.parquet``: one row for each pair, in the order of generation."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.data.features import SLICES
from models.verification.arrays import Floats

FILE = "scores.parquet"

# Scores are in [0, 1], higher is more alike; the unit of a distance is that of the model's embedding. Those of the
# baseline are null if nothing serves. ``pixel_distance`` is that of the raw pixels, which a model must beat.
SCHEMA = pa.schema(
    [
        ("pair_id", pa.string()),
        ("image_a", pa.string()),
        ("image_b", pa.string()),
        ("identity_a", pa.string()),
        ("identity_b", pa.string()),
        ("kind", pa.string()),
        ("group", pa.string()),  # "" without groups
        ("identity_size", pa.string()),
        ("quality", pa.string()),
        ("same", pa.int8()),  # 1 genuine, 0 impostor
        ("score", pa.float32()),
        ("distance", pa.float32()),
        ("baseline_score", pa.float32()),
        ("baseline_distance", pa.float32()),
        ("pixel_distance", pa.float32()),  # root mean square difference of the pixels, 0..1
    ]
)


def read_scores(uri: str) -> pa.Table:
    """The table in the artifact at ``uri``."""
    return pq.read_table(str(Path(uri) / FILE))


@dataclass(frozen=True)
class ScoredPairs:
    """The columns as arrays [n]: ``same`` True for genuine; those of the baseline None if nothing serves."""

    same: NDArray[np.bool_]
    score: Floats
    distance: Floats
    baseline_score: Floats | None
    baseline_distance: Floats | None
    pixel_distance: Floats
    identities: tuple[NDArray[np.object_], NDArray[np.object_]]
    images: tuple[NDArray[np.object_], NDArray[np.object_]]
    slices: dict[str, NDArray[np.object_]]

    @classmethod
    def of(cls, table: pa.Table) -> "ScoredPairs":
        """From the table."""

        def numbers(name: str) -> Floats:
            return np.asarray(table[name].to_numpy(), np.float64)

        def names(name: str) -> NDArray[np.object_]:
            return np.asarray(table[name].to_pylist(), object)

        compared = table["baseline_score"].null_count == 0 and len(table) > 0
        return cls(
            same=np.asarray(table["same"].to_numpy(), bool),
            score=numbers("score"),
            distance=numbers("distance"),
            baseline_score=numbers("baseline_score") if compared else None,
            baseline_distance=numbers("baseline_distance") if compared else None,
            pixel_distance=numbers("pixel_distance"),
            identities=(names("identity_a"), names("identity_b")),
            images=(names("image_a"), names("image_b")),
            slices={name: names(name) for name in SLICES},
        )

    def take(self, mask: NDArray[np.bool_]) -> "ScoredPairs":
        """The pairs that ``mask`` [n] keeps."""

        def kept(values: Any) -> Any:
            return None if values is None else values[mask]

        a, b = self.identities
        image_a, image_b = self.images
        return replace(
            self,
            same=kept(self.same),
            score=kept(self.score),
            distance=kept(self.distance),
            baseline_score=kept(self.baseline_score),
            baseline_distance=kept(self.baseline_distance),
            pixel_distance=kept(self.pixel_distance),
            identities=(kept(a), kept(b)),
            images=(kept(image_a), kept(image_b)),
            slices={name: kept(column) for name, column in self.slices.items()},
        )
