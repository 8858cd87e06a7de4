import tensorflow as tf
from tensorflow_model_analysis.proto import validation_result_pb2
from tfx.types import standard_artifacts

from components.run_outcome.artifacts import write_verdict
from components.run_outcome.verdict import GateResult
from components.run_record.files import ArtifactRecord
from components.run_record.record import RunRecord

ANOMALIES = GateResult(name="anomalies", passed=True, reason="no anomaly")
POLARITY = GateResult(name="polarity", passed=True, reason="the score falls as the distance grows")


def artifact(folder, *gates) -> ArtifactRecord:
    made = standard_artifacts.ModelBlessing()
    made.uri = str(folder)
    write_verdict(made, gates)
    return ArtifactRecord(str(folder), {})


def evaluation(folder) -> ArtifactRecord:
    """TFMA's, in which the accuracy is below its floor."""
    result = validation_result_pb2.ValidationResult(validation_ok=False)
    failure = result.metric_validations_per_slice.add().failures.add()
    failure.metric_key.name = "accuracy"
    failure.metric_value.double_value.value = 0.61
    failure.metric_threshold.value_threshold.lower_bound.value = 0.8
    folder.mkdir()
    with tf.io.TFRecordWriter(str(folder / "validations-00000-of-00001.tfrecord")) as writer:
        writer.write(result.SerializeToString())
    return ArtifactRecord(str(folder), {})


def test_the_floors_of_a_run_whose_evaluator_has_no_verdict_are_read_from_its_evaluation(tmp_path):
    verdicts = {
        "AnomalyGate": artifact(tmp_path / "anomalies", ANOMALIES),
        "ModelGate": artifact(tmp_path / "gate", POLARITY),
    }
    outcome = RunRecord({"evaluation": evaluation(tmp_path / "evaluation")}, verdicts).outcome("siamese", "r1")
    floors = GateResult(name="floors", passed=False, reason="accuracy 0.6100 is below the floor 0.8")
    assert outcome.gates == [ANOMALIES, floors, POLARITY]
    assert outcome.status == "refused"


def test_the_verdict_of_the_evaluator_is_not_read_a_second_time(tmp_path):
    floors = GateResult(name="floors", passed=True, reason="every floor is reached")
    verdicts = {"Evaluator": artifact(tmp_path / "verdict", floors)}
    assert RunRecord({"evaluation": evaluation(tmp_path / "evaluation")}, verdicts).gates() == [floors]
