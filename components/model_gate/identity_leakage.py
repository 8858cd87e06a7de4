"""Identity leakage: was the served model trained on test identities? Then the comparison favours it."""

from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from components.image_example_gen.settings import SplitSettings
from components.image_example_gen.splits import split_of
from components.run_outcome.verdict import GateResult
from models.data.features import TEST


def leakage_gate(
    baseline: Mapping[str, object], own: Mapping[str, object], identities: Iterable[str]
) -> GateResult | None:
    """Counts test identities that the served model's own split put into its training or validation.

    Never a refusal: leakage is to the candidate's disadvantage. None if there is no leakage, or nothing is known of it.

    Args:
      baseline: the split rule and seed of the served model; empty if unknown.
      own: the rule and seed of this run.
      identities: of the test pairs.
    """
    if not baseline or baseline == own:
        return None
    rule = {key: value for key, value in baseline.items() if key != "seed"}
    try:
        settings, seed = SplitSettings.model_validate(rule), int(str(baseline["seed"]))
    except (ValidationError, KeyError, ValueError):
        return None
    if settings.by == "identity":
        tested = set(identities)
        seen = sum(split_of(seed, identity, settings) != TEST for identity in tested)
        if not seen:
            return None
        reason = f"{seen:,} of {len(tested):,} test identities fall into the served model's own training or validation"
    else:
        reason = "the served model was trained on another split: it may have seen some of the test images"
    return GateResult(name="overlap", passed=True, reason=f"{reason}, which favours it")
