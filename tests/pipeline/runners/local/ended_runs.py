"""Runs that end as a test wants it, and whom they notify."""

from components.run_outcome.settings import AlertSettings
from pipeline.runners.local import run as run_module


def ending(monkeypatch, raised: BaseException):
    def graph(*_):
        raise raised

    monkeypatch.setattr(run_module, "_run_graph", graph)


def alerting(config, receiver, *on):
    alerts = AlertSettings(webhook=receiver.address, **({"on": on} if on else {}))
    return config.model_copy(update={"alerts": alerts})
