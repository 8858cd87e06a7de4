"""The command line; a server and a client of the cluster, which take seconds to start; a small compiled pipeline."""

import re
import sys

import kfp_api
import pytest
import yaml

from pipeline.cli import main

NODES = ("ImageExampleGen", "NewData", "Trainer", "Outcome")


@pytest.fixture
def command_line(monkeypatch, capfd):
    """The command as a user runs it: exit code, standard output, standard error."""

    def called(*arguments):
        monkeypatch.setattr(sys, "argv", ["siamese", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main.main()
        capture = capfd.readouterr()
        return ended.value.code, capture.out, capture.err

    return called


@pytest.fixture(scope="session")
def one_server():
    with kfp_api.serving() as server:
        yield server


@pytest.fixture
def server(one_server):
    """A Kubeflow Pipelines server that knows nothing yet."""
    one_server.set(reset=True)
    return one_server


@pytest.fixture(scope="session")
def one_client(tmp_path_factory):
    with kfp_api.asking(tmp_path_factory.mktemp("home")) as client:
        yield client


@pytest.fixture
def ask(one_client, server):
    """An operation on the server: (exit code, the last line)."""

    def asked(operation, environment=None, **arguments):
        connection = {"host": server.address, "namespace": None, **arguments.pop("connection", {})}
        code, lines = one_client.ask(operation, connection, environment, **arguments)
        return code, lines[-1]

    return asked


@pytest.fixture
def siamese(monkeypatch, capfd, server, tmp_path):
    """(exit code, output, errors) of ``siamese kubeflow ...`` on the server."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")

    def called(*arguments):
        words = ["siamese", "kubeflow", *map(str, arguments), "--host", server.address]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            main.main()
        capture = capfd.readouterr()
        return ended.value.code, *(re.sub(r"\x1b\[[0-9;]*m", "", text) for text in (capture.out, capture.err))

    return called


def compiled(version="1", nodes=NODES):
    """A compiled pipeline of few nodes: what the SDK, the server and our commands look at."""
    spec = {
        "schemaVersion": "2.1.0",
        "sdkVersion": "tfx-1.16.0",
        "pipelineInfo": {"name": "faces"},
        "defaultPipelineRoot": "s3://bucket/faces",
        "components": {f"comp-{node}": {"executorLabel": f"{node}_executor"} for node in nodes},
        "deploymentSpec": {
            "executors": {
                f"{node}_executor": {"container": {"image": f"image:{version}", "command": ["run"]}} for node in nodes
            }
        },
        "root": {
            "dag": {
                "tasks": {
                    node: {
                        "componentRef": {"name": f"comp-{node}"},
                        "taskInfo": {"name": node},
                        "dependentTasks": list(nodes[max(0, n - 1) : n]),
                        "retryPolicy": {"maxRetryCount": 2, "backoffMaxDuration": "3600s"},
                    }
                    for n, node in enumerate(nodes)
                }
            },
            "inputDefinitions": {
                "parameters": {
                    "data_root": {"parameterType": "STRING", "defaultValue": "/data/faces"},
                    "ignore_baseline": {"parameterType": "NUMBER_INTEGER", "defaultValue": -1},
                }
            },
        },
    }
    metadata = {"podMetadata": {"labels": {"team": "vision", "tier": "gpu"}}}
    executors = {f"{node}_executor": metadata for node in nodes}
    return [spec, {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}]


@pytest.fixture
def pipeline_file(tmp_path):
    """A compiled pipeline's file; called with another version, another file."""

    def written(version="1"):
        path = tmp_path / f"pipeline-{version}.yaml"
        path.write_text(yaml.safe_dump_all(compiled(version)))
        return path

    return written
