"""The server's objects, and its rules for them. Runs in ``.venv-kubeflow``.

The rules are those of backend/src/apiserver/server/{run,job,pipeline,experiment}_server.go and of api_converter.go.
"""

import json
import uuid
from typing import Any

import argo
import yaml
from bodies import Bad, check_cron, checked

Thing = dict[str, Any]


class Store:
    """Experiments, pipelines, versions, runs and recurring runs, by id."""

    def __init__(self) -> None:
        self.experiments: dict[str, Thing] = {}
        self.pipelines: dict[str, Thing] = {}
        self.versions: dict[str, Thing] = {}
        self.runs: dict[str, Thing] = {}
        self.recurring: dict[str, Thing] = {}
        self.multi_user = False
        self.frames: list[Thing] = []  # of a run, one a request: state, nodes
        self.logs: dict[str, str] = {}  # pod -> its log
        self.standalone = False  # a server that looks for pods in no namespace, as that of one user does
        self.ui: str | None = None  # the version of the UI's server at the same address
        self.objects: dict[str, str] = {}  # <scheme>/<bucket>/<key> -> content, which the UI's server reads
        self.kubernetes = False  # whether the API of Kubernetes is at the same address
        self.nested = False  # whether every template has a retry, as Kubeflow Pipelines 2.17 configures Argo
        self.workflows = False  # whether a run of v1beta1 has Argo's workflow
        self._clock = 0

    def now(self) -> str:
        """A second later than the last one: objects of one test differ in age."""
        self._clock += 1
        return f"2026-11-23T{self._clock // 3600:02d}:{self._clock // 60 % 60:02d}:{self._clock % 60:02d}Z"

    def listed(self, things: dict[str, Thing], query: dict[str, str]) -> tuple[list[Thing], str]:
        """A page of what the query asks for, and the token of the next page."""
        if self.multi_user and not (query.get("namespace") or query.get("experiment_id")):
            raise Bad(400, "Invalid input error: a namespace is required in multi-user mode")
        found = list(things.values())
        if query.get("experiment_id"):
            found = [thing for thing in found if thing["experiment_id"] == query["experiment_id"]]
        for given in json.loads(query.get("filter") or "{}").get("predicates", ()):
            # Protobuf's JSON takes either spelling, and an enum's number: the SDK sends it so.
            predicate = {"string_value" if key == "stringValue" else key: value for key, value in given.items()}
            predicate["operation"] = {1: "EQUALS"}.get(predicate["operation"], predicate["operation"])
            checked(predicate, "V2beta1Predicate")
            if predicate["operation"] != "EQUALS":
                raise Bad(400, "only EQUALS is known here")
            found = [thing for thing in found if thing.get(predicate["key"]) == predicate["string_value"]]
        if (query.get("sort_by") or "").endswith(" desc"):
            found.reverse()
        start, size = int(query.get("page_token") or 0), min(int(query.get("page_size") or 20), 2)
        return found[start : start + size], str(start + size) if start + size < len(found) else ""

    def add_experiment(self, body: Thing) -> Thing:
        checked(body, "V2beta1Experiment")
        if any(one["display_name"] == body["display_name"] for one in self.experiments.values()):
            raise Bad(409, f"Already exist error: experiment {body['display_name']} already exists")
        made = {**body, "experiment_id": str(uuid.uuid4()), "created_at": self.now()}
        return self.experiments.setdefault(made["experiment_id"], made)

    def add_pipeline(self, body: Thing) -> Thing:
        checked(body, "V2beta1Pipeline")
        if any(one["display_name"] == body["display_name"] for one in self.pipelines.values()):
            raise Bad(409, f"Already exist error: pipeline {body['display_name']} already exists")
        made = {"name": body["display_name"], **body, "pipeline_id": str(uuid.uuid4()), "created_at": self.now()}
        return self.pipelines.setdefault(made["pipeline_id"], made)

    def add_version(self, pipeline_id: str, name: str, text: str) -> Thing:
        if pipeline_id not in self.pipelines:
            raise Bad(404, f"ResourceNotFoundError: pipeline {pipeline_id} not found")
        if any(one["pipeline_id"] == pipeline_id and one["name"] == name for one in self.versions.values()):
            raise Bad(409, f"Already exist error: pipeline version {name} already exists")
        spec, *platform = yaml.safe_load_all(text)
        if spec.get("schemaVersion") != "2.1.0":
            raise Bad(400, f"InvalidInputError: unsupported schema version {spec.get('schemaVersion')}")
        documents = {"pipeline_spec": spec, "platform_spec": platform[0]} if platform else spec
        made = {"pipeline_id": pipeline_id, "pipeline_version_id": str(uuid.uuid4()), "created_at": self.now()}
        made |= {"name": name, "display_name": name, "pipeline_spec": documents}
        return self.versions.setdefault(made["pipeline_version_id"], made)

    def add_run(self, body: Thing) -> Thing:
        checked(body, "V2beta1Run")
        self._check_source(body)
        made = {**body, "run_id": str(uuid.uuid4()), "created_at": self.now(), "state": "PENDING", "looks": 0}
        return self.runs.setdefault(made["run_id"], made)

    def look(self, run_id: str) -> Thing:
        """The run at this request; each request advances by one frame."""
        run = self.one(self.runs, run_id)
        if self.frames and run["state"] not in ("CANCELED", "CANCELING"):
            frame = self.frames[min(run["looks"], len(self.frames) - 1)]
            run["looks"] += 1
            run["state"] = frame["state"]
            tasks = argo.task_details(frame["nodes"], frame.get("seconds", 65), self.nested)
            run["run_details"] = {"task_details": tasks}
            if "error" in frame:
                run["error"] = {"code": 13, "message": frame["error"]}
        return run

    def look_at_workflow(self, run_id: str) -> Thing:
        """The run of v1beta1, as of the last request."""
        run = self.one(self.runs, run_id)
        if not self.workflows:
            return {"run": {"id": run_id}, "pipeline_runtime": {}}
        frame = self.frames[min(max(run["looks"] - 1, 0), len(self.frames) - 1)]
        manifest = argo.manifest(frame["nodes"], frame.get("messages", {}), self.nested)
        return {"run": {"id": run_id}, "pipeline_runtime": {"workflow_manifest": manifest}}

    def add_recurring(self, body: Thing) -> Thing:
        checked(body, "V2beta1RecurringRun")
        self._check_source(body)
        if not body.get("display_name"):
            raise Bad(400, "Recurring run's name cannot be empty")
        if not 1 <= int(body.get("max_concurrency", 0)) <= 10:
            raise Bad(400, "Max concurrency of a recurring run must be at least 1 and at most 10.")
        trigger = body.get("trigger", {})
        if "cron" in trigger.get("cron_schedule", {}):
            check_cron(trigger["cron_schedule"]["cron"])
        if int(trigger.get("periodic_schedule", {}).get("interval_second", 1)) < 1:
            raise Bad(400, "Found invalid period schedule interval")
        made = {**body, "recurring_run_id": str(uuid.uuid4()), "created_at": self.now()}
        self.recurring[made["recurring_run_id"]] = made
        self.switch(made["recurring_run_id"], body.get("mode") == "ENABLE")
        return made

    def switch(self, identity: str, enabled: bool) -> Thing:
        one = self.one(self.recurring, identity)
        one |= {"mode": "ENABLE", "status": "ENABLED"} if enabled else {"mode": "DISABLE", "status": "DISABLED"}
        return {}

    def one(self, things: dict[str, Thing], identity: str) -> Thing:
        if identity not in things:
            raise Bad(404, f"ResourceNotFoundError: {identity} not found")
        return things[identity]

    def _check_source(self, body: Thing) -> None:
        if body.get("experiment_id") not in self.experiments:
            raise Bad(400, "Invalid input error: the experiment does not exist")
        reference, spec = body.get("pipeline_version_reference"), body.get("pipeline_spec")
        if bool(reference) == bool(spec):
            raise Bad(400, "Invalid input error: either a pipeline spec or a version must be given")
        if reference and reference["pipeline_version_id"] not in self.versions:
            raise Bad(404, f"ResourceNotFoundError: version {reference['pipeline_version_id']} not found")
        if spec and (spec.get("pipeline_spec") or spec).get("schemaVersion") != "2.1.0":
            raise Bad(400, "InvalidInputError: unsupported schema version")
        documents = spec or self.versions[reference["pipeline_version_id"]]["pipeline_spec"]
        known = (documents.get("pipeline_spec") or documents)["root"].get("inputDefinitions", {}).get("parameters", {})
        for name, value in body.get("runtime_config", {}).get("parameters", {}).items():
            if name not in known:
                raise Bad(400, f"Invalid input error: parameter {name} is not an input of the pipeline")
            kind = {"NUMBER_INTEGER": int, "NUMBER_DOUBLE": (int, float), "STRING": str, "BOOLEAN": bool}
            if not isinstance(value, kind.get(known[name]["parameterType"], object)):
                raise Bad(400, f"Invalid input error: parameter {name} must be {known[name]['parameterType']}")
