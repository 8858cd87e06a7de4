"""An emulation of the open-source Kubeflow Pipelines backend on this machine, without a cluster.

Written from its Go sources (kubeflow/pipelines, backend/src, 2.5 to 2.17), not from our entrypoint, which it tests:

- ``apiserver/template/v2_template.go``, ``v2/compiler/argocompiler``: strict parsing of both documents, schema 2.1.0,
  containers only, tasks that exist and no cycle, parameters of a run by name and type, ``defaultPipelineRoot`` unread;
- ``v2/driver/{container,resolve,driver}.go``: ``{{$.pipeline_job_uuid}}`` and the like as entire values, values
  converted to the declared types, artifacts by producer, URIs ``<root>/<pipeline>/<run>/<task>/<uuid>/<key>``, and
  ``executor-logs`` among the outputs where the server publishes logs (KFP's manifests: yes);
- ``v2/component/launcher_v2.go``, ``v2/objectstore``: first artifact of each list downloaded, by the prefix of its key;
  ``{{$}}`` and the other placeholders replaced in command and arguments; the output file read back, metadata merged,
  files (and no empty folders) uploaded, artifacts recorded; an output without a file is recorded without content;
- ``v2/metadata``: an artifact's type is the title of its schema, its metadata are custom properties (a number is a
  double, null is an error) beside ``display_name`` and ``store_session_info``, and what comes back has a numeric name,
  a URI, metadata, and an empty ``instanceSchema``;
- ``driver/container.go`` and ``argocompiler/dag.go`` (``depends``): a task whose condition does not hold is skipped,
  and Argo omits whatever depends on its success; neither fails the run. Output parameters come from the output file,
  else from a file each;
- since 2.16 the log of a task that failed is uploaded as well; since 2.16.1 each attempt has its own, with its number,
  and the variable KFP_RETRY_INDEX; the UI's server reads it, and the logs of pods;
- Kubernetes: ``$(NAME)`` in arguments, a fresh file system; Argo: order, two pods at a time, retries of a failed pod
  with the same input (any failure of the command or of the launcher; not the driver's).

Not emulated: importers, conditions except on one boolean, loops, nested pipelines, secrets; resources are not enforced.
The cache always misses, unless a test passes the outputs of an earlier run. Paths under /minio, /s3 and /gcs are under
``SIAMESE_MOUNT_ROOT``, and /tmp/kfp_outputs is in a folder of the pod, because / is not writable here; a claim is
mounted where its folder already is.
"""

from kubeflow_backend.backend import Backend, Run
from kubeflow_backend.driver import Task
from kubeflow_backend.pods import Kill
from kubeflow_backend.specification import Refused
from kubeflow_backend.stores import S3Stores

__all__ = ["Backend", "Kill", "Refused", "Run", "S3Stores", "Task"]
