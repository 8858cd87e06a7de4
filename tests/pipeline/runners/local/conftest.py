import os

import pytest
from webhook_receiver import webhook_server

from components.run_outcome.summary import RunSummary
from pipeline.config import load_config
from pipeline.runners.local import run as run_module


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    (folder / "someone").mkdir(parents=True)
    (folder / "someone" / "1.png").write_bytes(b"x")
    return load_config(overrides=[f"data.source={folder}"])


@pytest.fixture
def executed(monkeypatch):
    """Stands for the graph: records which runs it was asked for, and ends them with ``code``."""
    ran = []

    def execute(config, output, data_root, data_digest, run_id, console):
        ran.append(run_id)
        os.write(1, b"a library's chatter\n")
        return RunSummary(run_id=run_id, status="refused", exit_code=3, seed=config.seed, config_digest="d")

    monkeypatch.setattr(run_module, "_execute", execute)
    return ran


@pytest.fixture
def receiver():
    with webhook_server() as server:
        yield server
