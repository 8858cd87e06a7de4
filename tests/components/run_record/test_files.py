"""Where a run's artifacts lie, and what their properties say."""

import pytest
from tfx.types import standard_artifacts

from components.run_record.files import ArtifactRecord, RunFiles


@pytest.mark.parametrize("on_kubeflow", [False, True])
def test_properties_are_read_as_each_runner_hands_them_over(on_kubeflow):
    pushed = standard_artifacts.PushedModel()
    pushed.uri = "/pushed"
    if on_kubeflow:  # TFX's entrypoint translates the backend's metadata so
        pushed.set_json_value_custom_property("pushed", 1)
        pushed.set_json_value_custom_property("pushed_version", "7")
    else:
        pushed.set_int_custom_property("pushed", 1)
        pushed.set_string_custom_property("pushed_version", "7")
    given = ArtifactRecord.of(pushed.mlmd_artifact)
    assert given.uri == "/pushed"
    assert {key: given.properties[key] for key in ("pushed", "pushed_version")} == {"pushed": 1, "pushed_version": "7"}


def test_what_is_gone_is_not_found(tmp_path):
    files = RunFiles({"scores": ArtifactRecord(str(tmp_path / "gone"), {}), "pairs": ArtifactRecord(str(tmp_path), {})})
    assert (files.folder("scores"), files.folder("pairs"), files.folder("model")) == (None, tmp_path, None)
    assert files.card() is files.quarantine() is files.near_duplicates() is None
