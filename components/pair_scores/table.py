"""The table of scored test pairs: ``scores.parquet``. One row a pair, in the order in which they were generated."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FILE = "scores.parquet"

# Scores lie in [0, 1], higher is more alike; a distance is in the unit of the model's own embedding. Those of the
# baseline are null where nothing serves. ``pixel_distance`` is that of the raw pixels: what a model must do better than.
SCHEMA = pa.schema(
    [
        ("pair_id", pa.string()),
        ("image_a", pa.string()),
        ("image_b", pa.string()),
        ("identity_a", pa.string()),
        ("identity_b", pa.string()),
        ("kind", pa.string()),
        ("group", pa.string()),  # "" where there are no groups
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
