"""Executors for the entrypoint's tests: each shows one behaviour of a node."""

import errno
import logging
import os
import signal
import time
from pathlib import Path

from tfx.dsl.components.base.base_executor import BaseExecutor

from models.errors import UserError


class Copier(BaseExecutor):
    """Copies ``source`` to ``model``, and names it in the metadata."""

    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        source, model = Path(input_dict["source"][0].uri), output_dict["model"][0]
        (Path(model.uri) / "saved_model.pb").write_text((source / "data").read_text() * exec_properties["times"])
        model.set_string_custom_property("made_of", f"{source}/data")
        model.set_int_custom_property("version", input_dict["source"][0].get_int_custom_property("version") + 1)
        logging.getLogger("siamese.progress").info("copied %d times", exec_properties["times"])
        logging.getLogger("some.library").info("chatter")


class Clearer(BaseExecutor):
    """Has no model, and leaves its log empty."""

    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        assert not input_dict["source"], "a placeholder is not an input"
        output_dict["model"].clear()


class Refuser(BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        raise UserError("photos/a.jpg: is no image", "data-no-images")


class Counted(BaseExecutor):
    """Fails as the variable FAILURE says, after adding a line to the file in COUNT."""

    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        with Path(os.environ["COUNT"]).open("a") as file:
            file.write("evaluated\n")
        failures = {
            "user": UserError("photos: no images", "data-no-images"),
            "unreachable": UserError("s3://bucket: no answer", "model-unreachable"),
            "disk": OSError(errno.ESTALE, "Stale file handle", "/data/a.png"),
            "memory": MemoryError(),
            "defect": RuntimeError("no luck"),
        }
        raise failures[os.environ["FAILURE"]]


class Breaker(BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        (Path(output_dict["model"][0].uri) / "half").write_text("written")
        raise RuntimeError("no\nluck")


class Sleeper(BaseExecutor):
    """Receives SIGTERM, and cleans up first."""

    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        model = Path(output_dict["model"][0].uri)
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        finally:
            (model / "cleaned").write_text("up")


class ParameterCheck(BaseExecutor):
    """Reports whether it received only its own parameters."""

    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        output_dict["enough"][0].write(sorted(exec_properties) == ["times"])
