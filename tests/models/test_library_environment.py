"""The person's environment changes nothing that a model depends on."""

import gc
import json
import os
import re
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from models import library_environment
from models.library_environment import prepare_native_libraries, set_library_variables

_SHOW = """
from models.library_environment import prepare_native_libraries
prepare_native_libraries()
import json, keras
from keras.src.backend import config
print(json.dumps([keras.backend.backend(), keras.config.floatx(), keras.config.image_data_format(),
                  keras.config.epsilon(), config.max_epochs(), config.max_steps_per_epoch()]))
"""


def test_what_is_there_when_tensorflow_is_asked_for_again_can_go():
    """As the model of a version that served before."""
    library_environment.import_tensorflow()

    class Model:
        pass

    model = Model()
    model.itself, gone = model, weakref.ref(model)
    library_environment.import_tensorflow()
    del model
    gc.collect()
    assert gone() is None


@pytest.fixture
def environment(monkeypatch):
    """``os.environ``, restored afterwards."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    os.environ.pop("KERAS_HOME", None)
    return os.environ


@pytest.mark.parametrize(
    "content",
    [
        '{"floatx": "float64", "epsilon": 0.1, "backend": "torch", "image_data_format": "channels_first"}',
        '{"floatx": "bfloat99", "epsilon": "x"}',
        '{"backend": ',
        None,
    ],
)
def test_keras_computes_as_the_program_needs_it(tmp_path, content):
    (tmp_path / ".keras").mkdir()
    if content is None:
        (tmp_path / ".keras" / "keras.json").mkdir()
    else:
        (tmp_path / ".keras" / "keras.json").write_text(content)
    hostile = {
        "HOME": str(tmp_path),
        "KERAS_BACKEND": "jax",
        "KERAS_MAX_EPOCHS": "1",
        "KERAS_MAX_STEPS_PER_EPOCH": "x",
        "KERAS_NNX_ENABLED": "true",
        "TF_USE_LEGACY_KERAS": "1",
        "TF_XLA_FLAGS": "--no_such_flag",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KERAS")}
    done = subprocess.run(
        [sys.executable, "-c", _SHOW], env={**kept, **hostile}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == ["tensorflow", "float32", "channels_last", 1e-07, None, None]


def test_downloaded_weights_stay_shared_and_a_child_process_uses_the_same_home(environment, tmp_path):
    environment["KERAS_HOME"] = str(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "weights.h5").write_text("w")
    for _ in range(2):
        prepare_native_libraries()
    assert environment["KERAS_HOME"] == str(tmp_path / "siamese-pipeline")
    assert (tmp_path / "siamese-pipeline" / "models" / "weights.h5").read_text() == "w"


def test_a_home_that_cannot_be_written_to(environment):
    environment["HOME"] = "/proc/no"
    environment["KERAS_HOME"] = ""
    prepare_native_libraries()
    assert environment["KERAS_HOME"] == "/proc/no/.keras/siamese-pipeline"


def test_flags_that_would_end_the_process_are_named(environment, caplog):
    environment["TF_XLA_FLAGS"] = "--tf_xla_auto_jit=2"
    environment["XLA_FLAGS"] = "--xla_gpu_cuda_data_dir=/cuda --xla_nonsense"
    set_library_variables()
    assert (environment["TF_XLA_FLAGS"], environment["XLA_FLAGS"]) == ("", "--xla_gpu_cuda_data_dir=/cuda")
    assert "TF_XLA_FLAGS: --tf_xla_auto_jit=2: not supported" in caplog.text
    assert "XLA_FLAGS: --xla_nonsense: not supported" in caplog.text
    caplog.clear()
    set_library_variables()
    assert caplog.text == ""


def test_a_choice_that_is_the_persons_stays(environment):
    environment.update({"TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": "1", "TF_CPP_MIN_LOG_LEVEL": "0"})
    prepare_native_libraries()
    assert environment["TF_ENABLE_ONEDNN_OPTS"] == environment["TF_CPP_MIN_LOG_LEVEL"] == "0"
    environment["TF_ENABLE_ONEDNN_OPTS"] = "perhaps"
    prepare_native_libraries()
    assert environment["TF_ENABLE_ONEDNN_OPTS"] == library_environment._NATIVE["TF_ENABLE_ONEDNN_OPTS"]


@pytest.mark.parametrize("module", ["pipeline", "pipeline.runners.kubeflow.entrypoint"])
@pytest.mark.parametrize(("variable", "option"), [("2", "-B"), ("3", "-B"), ("", "-OO")])
def test_a_python_without_docstrings_is_one_line(module, variable, option, tmp_path):
    arguments = ["runs", "--output", str(tmp_path)]
    if module != "pipeline":
        required = ("--executor_class_path", "--json_serialized_invocation_args", "--artifact_types")
        arguments = ["--node", "Trainer", *(one for name in required for one in (name, "{}"))]
    done = subprocess.run(
        [sys.executable, option, "-m", module, *arguments],
        env={**os.environ, "PYTHONOPTIMIZE": variable},
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 2, done.stderr
    how = f"PYTHONOPTIMIZE={variable}" if variable else "python -OO"
    assert f"{how}: drops the docstrings" in done.stderr + done.stdout
    if module == "pipeline":
        assert done.stderr.count("\n") == 1


def test_a_python_that_drops_assertions_only_is_one_to_run_with():
    done = subprocess.run(
        [sys.executable, "-O", "-m", "pipeline", "config", "data.split"], check=False, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 0


_LOGS = """
import logging
from models.library_environment import silence_libraries
silence_libraries()
silence_libraries()
for name in (None, "apache_beam.utils.retry", "google.auth", "urllib3.connectionpool", "botocore", "modelsx"):
    logging.getLogger(name).error("noise of %s", name, exc_info=ValueError("x"))
logging.warning("noise that would set up the log of its own")
own = logging.getLogger("pipeline.config.loading")
own.info("too small")
own.warning("own message")
logging.getLogger("siamese.server").addHandler(logging.NullHandler())
logging.getLogger("siamese.server").warning("handled elsewhere")
if library:
    import absl.logging, tensorflow as tf
    tf.get_logger().warning("noise of TensorFlow")
    absl.logging.warning("noise of absl")
    logging.getLogger("models").warning("own again")
"""


@pytest.mark.parametrize("library", [False, True])
def test_what_libraries_log_is_not_printed(library):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"library = {library}\n{_LOGS}"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    native = re.compile(r"WARNING: All log messages before absl|[IWEF]\d{4} |To enable the following instructions")
    lines = [line for line in done.stderr.splitlines() if not native.match(line)]  # of TensorFlow 2.21
    assert lines == ["own message", "own again"][: 1 + library]
