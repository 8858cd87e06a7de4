"""The environment of a run as the graph takes it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_metadata.proto import metadata_store_pb2
    from tfx.orchestration.data_types import RuntimeParameter


@dataclass(frozen=True)
class RunEnvironment:
    """The folders of a run, and the state of the outside world that cache keys depend on.

    Attributes:
      data_root: the folder of images; on a cluster a parameter of the run.
      data_digest: a fingerprint of its content.
      serving_dir: the folder that the model server watches.
      served: changes whenever the serving model does; "none" without one.
      artifacts: TFX's pipeline root.
      run_id: of this run.
      metadata: the metadata store; None on a cluster, which has its own.
      ignore_baseline: replaces ``gates.ignore_baseline``: on a cluster a parameter of the run.
      refusal_fails: whether a run that a gate refused ends as failed, after its last node.
      conditions: whether the runner skips nodes by a condition; otherwise NewData ends a run on too few new images.
      checkpoints: a folder that outlives the run, for the state of a stopped training; or None.
      hosts: a folder in which several hosts meet for the training; None with one host.
    """

    data_root: "str | RuntimeParameter"
    data_digest: str
    serving_dir: str
    served: str
    artifacts: str
    run_id: str
    metadata: "metadata_store_pb2.ConnectionConfig | None" = None
    ignore_baseline: "int | RuntimeParameter | None" = None
    refusal_fails: bool = False
    conditions: bool = False
    checkpoints: str | None = None
    hosts: str | None = None
