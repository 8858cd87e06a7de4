import json
import re
import sys
from importlib import resources
from pathlib import Path
from subprocess import run

import pytest
import yaml

from models.errors import UserError
from models.settings import TrainingSettings
from pipeline.config import DIGITS, Config, as_json, load_config
from pipeline.config.beam import of_pipeline_args

CONFIGS = sorted(path.name for path in resources.files("configs").iterdir() if path.name.endswith(".yaml"))


@pytest.fixture
def write(tmp_path):
    def written(text: str, name: str = "mine.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return written


def refusal(path=None, overrides=(), code="config-invalid-value") -> str:
    """The message of the error with this code."""
    with pytest.raises(UserError) as caught:
        load_config(path, overrides)
    assert caught.value.code == code
    return str(caught.value)


def test_there_are_configurations():
    assert set(CONFIGS) >= {"digits.yaml", "characters.yaml", "faces.yaml", "products.yaml"}


@pytest.mark.parametrize("name", CONFIGS)
def test_every_configuration_loads_with_the_values_that_it_sets(name):
    path = Path(str(resources.files("configs") / name))
    config = load_config(path)
    assert config.name == path.stem
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for section, values in content.items():
        loaded = config.model_dump(mode="json")[section]
        for key in values if isinstance(values, dict) else ():
            wanted, got = values[key], loaded[key]
            assert {**got, **wanted} == got if isinstance(wanted, dict) else got == wanted, f"{section}.{key}"
    assert path.read_text(encoding="utf-8").startswith("# ")


def test_without_a_file_it_is_the_digits():
    assert load_config().data.source == DIGITS
    assert load_config() == load_config(Path(str(resources.files("configs") / "digits.yaml")))


def test_the_parts_that_components_read_are_those_of_the_whole():
    config = load_config(overrides=["seed=5", "training.epochs=3", "data.layout=group/identity"])
    assert config.model.seed == 5
    assert config.model.training.epochs == 3
    assert config.model.image == config.image
    assert config.ingest.layout == "group/identity"
    assert config.ingest.split == config.data.split


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("training.epoch=3", "did you mean epochs?"),
        ("trainin.epochs=3", "did you mean training?"),
        ("data.split.bye=image", "did you mean by?"),
        ("training.batch.image=4", "did you mean images?"),
        ("loss.zzz=3", "allowed: distance, name, form, margin, positive_margin"),
    ],
)
def test_an_unknown_key_is_named_with_those_that_there_are(override, hint):
    message = refusal(overrides=[override], code="config-unknown-key")
    key = override.partition("=")[0].removesuffix(".epochs" if override.startswith("trainin.") else "")
    assert message.startswith(f"digits.yaml: {key}: ")
    assert hint in message


@pytest.mark.parametrize(
    ("overrides", "key", "allowed"),
    [
        (["loss.distance=hamming"], "loss.distance", "'cosine', 'euclidean', 'manhattan' or 'weighted_manhattan'"),
        (["image.channels=2"], "image.channels", "1 or 3"),
        (["training.epochs=-1"], "training.epochs", "greater than or equal to 0"),
        (["image.height=tall"], "image.height", "a valid integer"),
        (["image=3"], "image", "a table of keys"),
        (["gates.floors={}"], "gates", "at least one"),
        (["gates.floors={speed: 1}"], "gates.floors.speed", "allowed: accuracy, precision"),
        (["gates.max_drop={auc: 5}"], "gates.max_drop.auc", "less than or equal to 1"),
        (["data.split.test=0.5"], "data.split", "sum to 1, not 1.35"),
        (["loss.positive_margin=2"], "loss.positive_margin", "below margin 1.1"),
        (
            ["image.width=16", "augmentation.quarter_turns_are_identities=true"],
            "augmentation.quarter_turns_are_identities",
            "square images",
        ),
        (
            ["augmentation.mirrors_are_identities=true", "augmentation.mirror=true"],
            "augmentation.mirrors_are_identities",
            "augmentation.mirror",
        ),
        (["loss.margin=2.5"], "loss.margin", "2 at most"),
        (["training.optimizer=adam", "training.weight_decay=0.1"], "training", "optimizer: adamw or"),
        (["name=Has Spaces"], "name", "match pattern"),
        (["pairs.count.train=7"], "pairs", "an even number"),
    ],
)
def test_an_invalid_value_is_named_with_what_is_allowed(overrides, key, allowed):
    message = refusal(overrides=overrides)
    assert message.startswith(f"digits.yaml: {key}")
    assert allowed in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("alerts.on=failed", "alerts.on: got 'failed'; must be a list, such as [failed]"),
        ("encoder.filters=8", "encoder.filters: got 8; must be a list, such as [8]"),
        ("encoder.filters=8, 16", "encoder.filters: got '8, 16'; must be a list, such as [8, 16]"),
        ("beam.args=--x=1", "beam.args: got '--x=1'; must be a list, such as [--x=1]"),
        ("alerts.on=null", "alerts.on: got no value; must be a list"),
        ("beam.args={a: 1}", "beam.args: got {'a': 1}; must be a list"),
        ("kubeflow.env=null", "kubeflow.env: got no value; must be a table of keys"),
        ("kubeflow.labels=[a]", "kubeflow.labels: got ['a']; must be a table of keys"),
        (
            "training=null",
            "training: got no value; must be a table of keys, such as {key: value}; leave the section out",
        ),
        ("training.batch=null", "training.batch: got no value; must be a table of keys"),
        ("data.split=image", "data.split: got 'image'; must be a table of keys"),
    ],
)
def test_a_value_in_place_of_a_list_or_a_table(override, message):
    assert refusal(overrides=[override]).startswith(f"digits.yaml: {message}")


def test_an_empty_section_is_one_line(write):
    assert "data: got no value; must be a table of keys" in refusal(write("name: a\ndata:\n"))


def test_every_error_is_a_line_with_its_code_and_the_exception_has_the_first():
    changes = ["training.epoch=3", "image.channels=2", "loss.margin=-1"]
    with pytest.raises(UserError) as caught:
        load_config(overrides=changes)
    lines = str(caught.value).splitlines()
    codes = {line.split(": ")[1]: line.rpartition(" ")[2] for line in lines}
    invalid = "[config-invalid-value]"
    assert codes == {"training.epoch": "[config-unknown-key]", "image.channels": invalid, "loss.margin": invalid}
    assert lines[0].endswith(f"[{caught.value.code}]")


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("training.epochs", "must be KEY=VALUE"),
        ("=3", "must be KEY=VALUE"),
        ("seed.x=3", "seed is 4, not a section"),
        ("seed={", "not YAML"),
    ],
)
def test_an_invalid_override_is_named(override, reason):
    message = refusal(overrides=["seed=4", override], code="config-invalid-override")
    assert message.startswith(f"--set {override}: ")
    assert reason in message


def test_set_changes_one_key_and_the_last_one_counts(write):
    path = write("name: mine\ntraining: {epochs: 4, patience: 9}\n")
    config = load_config(path, ["training.epochs=5", "training.epochs=6", "encoder.filters=[4, 5]", "loss.form=pairs"])
    assert (config.training.epochs, config.training.patience) == (6, 9)
    assert config.encoder.filters == (4, 5)
    assert config.loss.form == "pairs"
    assert load_config(path).training.epochs == 4


def test_an_empty_file_is_the_defaults(write):
    assert load_config(write("")) == Config()


@pytest.mark.parametrize("text", ["a: [", "- a\n- b\n", "digits"])
def test_a_file_that_is_not_a_yaml_table_is_named(write, text):
    path = write(text)
    message = refusal(path, code="config-not-yaml")
    assert message.startswith(f"{path}: ")
    assert "\n" not in message


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    assert "none.yaml: " in refusal(tmp_path / "none.yaml", code="config-unreadable")
    assert str(tmp_path) in refusal(tmp_path, code="config-unreadable")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    assert "latin.yaml: " in refusal(tmp_path / "latin.yaml", code="config-unreadable")


def test_paths_are_relative_to_the_file_and_overrides_to_the_caller(write, tmp_path):
    path = write("data: {source: photos, schema_file: ../schema.pbtxt}\n", "sub/mine.yaml")
    data = load_config(path).data
    assert Path(data.source) == tmp_path / "sub" / "photos"
    assert Path(data.schema_file).resolve() == tmp_path / "schema.pbtxt"
    assert load_config(path, ["data.source=photos"]).data.source == "photos"
    assert load_config(write(f"data: {{source: {tmp_path}}}\n")).data.source == str(tmp_path)
    assert load_config(write(f"data: {{source: {DIGITS}}}\n")).data.source == DIGITS


PATHS = ["data.source", "data.schema_file", "push.serving_dir", "pairs.protocol.val"]


@pytest.mark.parametrize("key", PATHS)
def test_a_path_is_what_a_shell_makes_of_it(write, monkeypatch, tmp_path, key):
    monkeypatch.setenv("HOME", "/home/ann")
    *sections, last = key.split(".")

    def loaded(value, in_file):
        text = "".join(f"{section}: {{" for section in sections) + f"{last}: '{value}'" + "}" * len(sections)
        config = load_config(write(text)) if in_file else load_config(overrides=[f"{key}={value}"])
        content = config.model_dump()
        for part in key.split("."):
            content = content[part]
        return content

    for in_file in (True, False):
        assert loaded("~/photos", in_file) == "/home/ann/photos"
        for value in ("$HOME/x", "$STAGE", "gs://b/${STAGE}/x", "~no-such-user/x"):
            with pytest.raises(UserError, match="is replaced by a shell only") as refused:
                loaded(value, in_file)
            assert refused.value.code == "config-invalid-value"


def test_a_folder_that_is_called_like_a_home(monkeypatch, tmp_path, write):
    monkeypatch.chdir(tmp_path)
    write("push: {serving_dir: serving}", "~/mine.yaml")
    assert load_config(Path("~/mine.yaml")).push.serving_dir == "./~/serving"
    assert load_config(data="./~/photos").data.source == "./~/photos"


def test_the_digest_is_of_what_is_configured_not_of_where_the_images_lie():
    config = load_config()
    assert load_config(overrides=["data.source=elsewhere"]).digest() == config.digest()
    changed = [["seed=1"], ["training.epochs=1"], ["gates.floors.accuracy=0.8"], ["data.layout=group/identity"]]
    assert len({config.digest(), *(load_config(overrides=change).digest() for change in changed)}) == 5


def test_a_configuration_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        load_config().seed = 3


def test_beam_runs_in_this_process_by_default():
    in_process = load_config().beam.pipeline_args
    assert "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner" in in_process
    assert "--sdk_container_image=none" in in_process
    container = ["beam.runner=FlinkRunner", "beam.args=[--flink_master=host:8081, --parallelism=4]"]
    elsewhere = load_config(overrides=container).beam.pipeline_args
    assert elsewhere == ["--runner=FlinkRunner", "--flink_master=host:8081", "--parallelism=4"]


def test_settings_are_canonical_json():
    assert as_json({"b": 1, "a": 2}) == as_json({"a": 2, "b": 1})
    assert json.loads(as_json(load_config().pairs)) == load_config().pairs.model_dump(mode="json")


@pytest.mark.parametrize(
    "modules",
    ["pipeline.config.configuration", "pipeline.cli.main, pipeline.runners.local.run, components.run_outcome.summary"],
)
def test_no_heavy_library_is_imported(modules):
    code = f"import sys, {modules}; print(*sys.modules)"
    loaded = run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"tensorflow", "tfx", "keras", "apache_beam", "sklearn", "pandas"} & set(loaded)


def test_images_of_ones_own_do_not_get_the_recipe_of_the_digits():
    config = load_config(data="photos 📷")
    assert config.data.source == "photos 📷"
    assert config == Config(data={"source": "photos 📷"})
    assert config.data.split.by == "identity"
    assert load_config(data=DIGITS) == load_config()


def test_data_takes_the_place_of_a_files_source(write):
    assert load_config(write("data: {source: here, layout: group/identity}"), data="there").data.source == "there"


def test_the_recipe_is_what_shapes_a_model():
    recipe = load_config().recipe_digest()
    for change in (
        "gates.floors.accuracy=0.5",
        "beam.args=[--x]",
        "name=other",
        "data.max_quarantined=0.5",
        "data.min_new_images=5",
        "model_card.licence=MIT",
    ):
        assert load_config(overrides=[change]).recipe_digest() == recipe
        assert load_config(overrides=[change]).digest() != load_config().digest()
    for change in ("seed=9", "training.epochs=3", "data.split.by=identity", "pairs.per_image=2", "image.height=16"):
        assert load_config(overrides=[change]).recipe_digest() != recipe
    for change in ("calibration.objective=best_f1", "augmentation.scale=0.3"):
        assert load_config(overrides=[change]).recipe_digest() != recipe


class WiderTraining(TrainingSettings):
    added: int = 0


class Wider(Config):
    training: WiderTraining = WiderTraining()
    added: int = 0


@pytest.mark.parametrize("change", [{"added": 1}, {"training": {"added": 1}}])
def test_a_field_that_is_added_changes_both_digests(change):
    before, after = Wider(), Wider.model_validate(change)
    assert before.digest() != after.digest()
    assert before.recipe_digest() != after.recipe_digest()


@pytest.mark.parametrize("text", ["alerts: {on: [pushed]}", "alerts:\n  on: [pushed]", "alerts:\n  'on': [pushed]"])
def test_on_is_a_key_and_no_truth_value(tmp_path, text):
    (tmp_path / "c.yaml").write_text(text)
    assert load_config(tmp_path / "c.yaml").alerts.on == ("pushed",)
    assert load_config(overrides=["alerts={on: [pushed]}", "gates.beats_pixels=no"]).alerts.on == ("pushed",)
    assert load_config(overrides=["gates.beats_pixels=no"]).gates.beats_pixels is False


def test_beams_options_are_passed_on():
    config = load_config(overrides=["beam.args=[--a=1]"], beam=["--runner=Other --b='x y'", "--c"])
    assert config.beam.runner == "Other"
    assert config.beam.pipeline_args == ["--runner=Other", "--a=1", "--b=x y", "--c"]
    assert load_config(beam=["--direct_num_workers=2"]).beam.runner == load_config().beam.runner


def test_beams_options_may_have_a_blank_before_their_value():
    blank = load_config(beam=["--runner FlinkRunner --parallelism 8 --streaming", "--flink_master host:8081"]).beam
    assert blank == load_config(beam=["--runner=FlinkRunner --parallelism=8 --streaming --flink_master=host:8081"]).beam
    assert blank.runner == "FlinkRunner"
    assert blank.options == {"parallelism": "8", "streaming": "", "flink_master": "host:8081"}
    assert load_config(overrides=["beam.args=[--parallelism, '8']"]).beam.args == ("--parallelism=8",)


@pytest.mark.parametrize("args", ["[--runner=FlinkRunner]", "[parallelism=8]", "['8']"])
def test_what_is_no_option_of_beam_is_an_error(args):
    with pytest.raises(UserError, match=r"beam\.args"):
        load_config(overrides=[f"beam.args={args}"])


@pytest.mark.parametrize(
    ("runner", "options", "environment"),
    [
        ("FlinkRunner", "", "LOOPBACK"),
        ("flink", "--flink_master=[local]", "LOOPBACK"),
        ("FlinkRunner", "--flink_master=host:8081", "DOCKER"),
        ("SparkRunner", "", "LOOPBACK"),
        ("SparkRunner", "--spark_master_url=spark://host:7077", "DOCKER"),
        ("PortableRunner", "--job_endpoint=host:8099", "DOCKER"),
        ("PortableRunner", "--environment_type=EXTERNAL", "EXTERNAL"),
    ],
)
def test_where_the_workers_of_beam_run(runner, options, environment):
    beam = load_config(beam=[f"--runner={runner} {options}"]).beam
    assert beam.environment == environment
    assert beam.workers_elsewhere == (environment != "LOOPBACK")
    assert ("--sdk_container_image=none" in beam.pipeline_args) == (environment != "DOCKER")


def test_options_that_bring_packages_to_the_workers_are_kept():
    for option in ("--setup_file=/s.py", "--extra_package=/p.tar.gz", "--sdk_container_image=image:1"):
        beam = load_config(beam=[f"--runner=PortableRunner --environment_type=EXTERNAL {option}"]).beam
        assert beam.pipeline_args == ["--runner=PortableRunner", "--environment_type=EXTERNAL", option]


def test_whether_workers_are_looked_for_changes_no_digest():
    changed = load_config(overrides=["beam.check_workers=false"])
    assert (changed.beam.check_workers, changed.digest()) == (False, load_config().digest())


def test_the_settings_of_a_pipelines_arguments():
    flink = load_config(beam=["--runner=FlinkRunner --flink_master=host:8081 --environment_type=EXTERNAL"]).beam
    assert of_pipeline_args(flink.pipeline_args).pipeline_args == flink.pipeline_args
    assert of_pipeline_args(load_config().beam.pipeline_args).in_process
    assert of_pipeline_args([]).kind == "direct"


@pytest.mark.parametrize(
    ("setting", "code", "key"),
    [
        ("tuner.margin=[0.2]", "config-invalid-value", "tuner.margin"),  # below the positive margin
        ("tuner.augmentation=[0.5, 1]", "config-invalid-value", "tuner.augmentation"),  # the recipe distorts nothing
        ("tuner.search=grid", "config-invalid-value", "tuner.search"),
        ("tuner.trails=3", "config-unknown-key", "tuner.trails"),
    ],
)
def test_what_cannot_be_tuned_is_one_line(setting, code, key):
    with pytest.raises(UserError) as raised:
        load_config(data="/x", overrides=["tuner.trials=3", setting])
    assert raised.value.code == code
    assert str(raised.value).startswith(f"defaults: {key}")
    assert "\n" not in str(raised.value)


def test_nothing_is_tuned_unless_trials_are_asked_for():
    assert load_config(data="/x").search is None
    assert load_config(data="/x", overrides=["tuner.trials=3"]).search.space.keys() == {
        *("margin", "learning_rate", "embedding", "dropout")
    }


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("data: {source: ''}", "data.source"),
        ("push: {serving_dir: '  '}", "push.serving_dir"),
        ("beam: {args: ['']}", "beam.args[0]"),
    ],
)
def test_an_empty_text_is_an_error_and_no_folder(tmp_path, text, key):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(UserError, match=rf"c\.yaml: {re.escape(key)}: is empty") as refused:
        load_config(tmp_path / "c.yaml")
    assert refused.value.code == "config-empty"


@pytest.mark.parametrize(
    ("overrides", "share"),
    [
        ([], 0),
        (["pairs.mined=0.3"], 0.3),
        (["pairs.mined=0.3", "training.batch.mined=0.1"], 0.1),
        (["pairs.mined=0.3", "loss.form=pairs"], 0),
    ],
)
def test_mined_pairs_steer_the_batches_in_their_share(overrides, share):
    assert load_config(overrides=overrides).training.batch.mined == share
