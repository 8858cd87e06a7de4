"""Where a run reads and writes."""

from dataclasses import dataclass

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration.data_types import RuntimeParameter


@dataclass(frozen=True)
class RunEnvironment:
    """Where a run reads and writes, and what it finds there: what a cache key must know of the world outside.

    Attributes:
      data_root: the folder of images; on a cluster a parameter of the run.
      data_digest: a fingerprint of what is in it.
      serving_dir: the folder that the model server watches.
      served: what changes whenever the model that serves does, or "none".
      artifacts: TFX's pipeline root.
      run_id: of this run.
      metadata: the metadata store; none on a cluster, which has its own.
      ignore_baseline: in place of ``gates.ignore_baseline``: on a cluster a parameter of the run.
      refusal_fails: whether a run whose gates refused fails, after all its work.
      conditions: whether the runner skips by itself what waits for more new images; otherwise NewData ends the run.
      checkpoints: a folder that outlives the run, in which a stopped training finds its state; or none.
      hosts: a folder in which several hosts find each other for the training; none where it is this host's alone.
    """

    data_root: str | RuntimeParameter
    data_digest: str
    serving_dir: str
    served: str
    artifacts: str
    run_id: str
    metadata: metadata_store_pb2.ConnectionConfig | None = None
    ignore_baseline: int | RuntimeParameter | None = None
    refusal_fails: bool = False
    conditions: bool = False
    checkpoints: str | None = None
    hosts: str | None = None
