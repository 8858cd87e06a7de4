"""A running model server, and images for it."""

import pytest
from running_server import serving
from tiny_model import GREY, patterns, png

from components.serving_folder.storage import link_or_copy


@pytest.fixture(scope="module")
def server(exported, tmp_path_factory):
    """Of one version, 7, with the default limits."""
    folder = tmp_path_factory.mktemp("serving")
    link_or_copy(exported.path, folder / "7")
    with serving(folder) as found:
        yield found


@pytest.fixture(scope="session")
def images():
    """Eight PNG files of the model's own size."""
    return [png(pixels) for pixels in patterns(8, GREY, seed=1)]
