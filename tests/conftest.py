"""What has to be set before any test imports TensorFlow, how hypothesis searches, a tiny exported model, a browser."""

import functools
import os
import shutil
import signal
import uuid
from types import SimpleNamespace

import pytest
from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the command line has it

# A shell that starts the suite in the background has SIGINT and SIGQUIT ignored, and nohup SIGHUP; tests send them.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

# A deadline measures the machine. On CI the examples are the same every time: a red run can be had again.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_addoption(parser):
    parser.addoption("--all-planted", action="store_true", help="also the planted models that are like another one")


@pytest.fixture(scope="session")
def transform_of(tmp_path_factory):
    """``ImageSettings`` to the normalisation fitted on ``patterns(40, image)``."""
    from tiny_model import fit_transform, patterns

    @functools.cache
    def made(image):
        return fit_transform(patterns(40, image), image, tmp_path_factory.mktemp("tft"))

    return made


@pytest.fixture(scope="session")
def export_of(tmp_path_factory, transform_of):
    """``ImageSettings`` to a tiny model of such images, ``Exported`` as the Trainer exports it."""
    import keras
    from tiny_model import CALIBRATION, Exported

    from models.export.saved_model import ServedModel, export
    from models.network.encoders import build_encoder
    from models.settings import EncoderSettings, LossSettings, ModelSettings

    @functools.cache
    def made(image):
        settings = ModelSettings(
            image=image,
            encoder=EncoderSettings(filters=(6, 8), embedding=5, dropout=0.3),
            loss=LossSettings(distance="euclidean"),
        )
        keras.utils.set_random_seed(3)
        encoder = build_encoder(image, settings.encoder)
        served = ServedModel(encoder, transform_of(image), settings.loss.distance, CALIBRATION, image)
        path = tmp_path_factory.mktemp("model") / "1"
        custom = {"code_digest": "code", "config_digest": "config", "split": {"by": "image", "seed": 0}}
        given = SimpleNamespace(serving_model_dir=str(path), custom_config=custom, hyperparameters=None)
        export(served, settings, CALIBRATION, given)
        return Exported(path, settings, encoder, transform_of(image), served)

    return made


@pytest.fixture(scope="session")
def exported(export_of):
    """Of grey images."""
    from tiny_model import GREY

    return export_of(GREY)


@pytest.fixture(scope="module")
def browser():
    """The machine's own Chromium. Not of the session: its event loop would be another test's."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=chromium, args=[*arguments, "--disable-background-networking"]
        )
        yield found
        found.close()


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory):
    """A real object store, one for the session."""
    from seaweedfs import SeaweedFS, missing

    if reason := missing():
        pytest.skip(reason)
    store = SeaweedFS(tmp_path_factory.mktemp("seaweedfs"))
    yield store
    store.stop()


@pytest.fixture
def s3(seaweedfs, monkeypatch):
    """The address of an empty folder in it, which this process may read and write."""
    from s3fs import S3FileSystem
    from seaweedfs.store import BUCKET

    for name, value in seaweedfs.environment().items():
        monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()  # which holds clients with the keys of another test
    yield f"s3://{BUCKET}/{uuid.uuid4()}"
    S3FileSystem.clear_instance_cache()
