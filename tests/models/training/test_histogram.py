import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from models.training.tensorboard import write_histogram


def written(folder, write) -> tuple[np.ndarray, str]:
    """(the histogram that ``write`` wrote, the plug-in that will draw it)."""
    with tf.summary.create_file_writer(str(folder)).as_default(step=0):
        write()
    events = EventAccumulator(str(folder))
    events.Reload()
    (event,) = events.Tensors("values")
    return tf.make_ndarray(event.tensor_proto), events.SummaryMetadata("values").plugin_data.plugin_name


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.random.default_rng(0).normal(size=(40, 50)).astype(np.float32), id="many"),
        pytest.param(np.full(7, 0.25, np.float32), id="one-value"),
        pytest.param(np.zeros((0, 3), np.float32), id="nothing"),
    ],
)
def test_it_is_what_tensorflow_would_write(tmp_path, values):
    ours, plugin = written(tmp_path / "ours", lambda: write_histogram("values", values))
    theirs, their_plugin = written(tmp_path / "theirs", lambda: tf.summary.histogram("values", values))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
    assert plugin == their_plugin == "histograms"


def test_hand_counted(tmp_path):
    values = np.array([0.0, 1.0, 1.5, 29.5, 30.0])
    histogram, _ = written(tmp_path, lambda: write_histogram("values", values))
    expected = np.zeros(30)
    expected[[0, 1, 29]] = [1, 2, 2]
    np.testing.assert_array_equal(histogram[:, 2], expected)
    np.testing.assert_allclose(histogram[:, 0], np.arange(30))
    np.testing.assert_allclose(histogram[:, 1], np.arange(1, 31))


@pytest.mark.parametrize(("values", "count"), [([np.nan, 1.0, np.inf, 2.0], 2), ([np.nan, np.nan], 0)])
def test_what_is_not_finite_is_left_out(tmp_path, values, count):
    histogram, _ = written(tmp_path, lambda: write_histogram("values", np.array(values)))
    assert histogram[:, 2].sum() == count
    assert np.isfinite(histogram).all()
