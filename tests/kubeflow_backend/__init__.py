"""What the open-source Kubeflow Pipelines backend does with a compiled pipeline, on this machine and without a cluster.

Written from its Go sources (kubeflow/pipelines, backend/src), not from our entrypoint, whose judge it is:

- ``apiserver/template/v2_template.go``: strict parsing of both documents, schema 2.1.0, containers and importers only;
- ``v2/driver/driver.go``: run parameters and their defaults, ``{{$.pipeline_job_uuid}}`` and its like as whole values,
  values turned into the declared types, artifacts by producer, URIs ``<root>/<pipeline>/<run>/<task>/<uuid>/<key>``;
- ``v2/component/launcher_v2.go``: first artifact of each list downloaded, ``{{$}}`` replaced in command and arguments,
  the output file read back, metadata merged, files (and no empty folders) uploaded, artifacts recorded;
- ``v2/metadata``: an artifact's type is the title of its schema, its metadata are custom properties (a number is a
  double, null is an error), and what comes back has a numeric name, a URI, metadata, and no type;
- Argo: order, two pods at a time, retries of a failed pod with the same input in a fresh file system.

Paths under /minio, /s3 and /gcs lie under ``SIAMESE_MOUNT_ROOT``, since nobody may write to / here. The cache is taken
to miss, unless a test hands over the outputs of an earlier run.
"""

from kubeflow_backend.backend import Backend, Run
from kubeflow_backend.pods import Kill, Task
from kubeflow_backend.specification import Refused

__all__ = ["Backend", "Kill", "Refused", "Run", "Task"]
