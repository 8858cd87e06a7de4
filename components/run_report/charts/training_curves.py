"""The curves of a training, from its TensorBoard logs."""

from pathlib import Path

from models.export.inference import import_tensorflow

Curve = list[tuple[int, float]]  # (epoch from 1, value)

_SHOWN = {"train": ("loss",), "validation": ("auc", "eer", "accuracy")}


def read_curves(logs: Path) -> dict[str, Curve]:
    """Curve name -> its points by epoch; empty if there are no logs.

    Args:
      logs: the folder of a training's logs, with the runs ``train`` and ``validation``.
    """
    if not (logs / "train").is_dir():
        return {}
    tf = import_tensorflow()  # before TensorBoard's reader imports it, with its log lines
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found: dict[str, Curve] = {}
    for run, names in _SHOWN.items():
        events = EventAccumulator(str(logs / run), size_guidance={"tensors": 0})
        events.Reload()
        for name in set(names) & set(events.Tags()["tensors"]):
            points = {event.step: float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors(name)}
            found[name] = [(step + 1, value) for step, value in sorted(points.items())]
    return {name: found[name] for names in _SHOWN.values() for name in names if found.get(name)}
