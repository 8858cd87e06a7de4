"""The verdict and what to do next, in sentences."""

from collections.abc import Iterator

from components.run_outcome.summary import RunSummary
from components.run_outcome.warnings import caveats


def headline(summary: RunSummary) -> str:
    """The first line of the page."""
    if summary.status == "pushed" and summary.already_serving:
        return f"This model already serves, as version {summary.pushed_version}."
    if summary.status == "pushed":
        return f"This model may be used: every gate passed, and it serves as version {summary.pushed_version}."
    if summary.status == "refused":
        refused = [gate.name for gate in summary.gates if not gate.passed]
        told = f"{len(refused)} of {len(summary.gates)} gates refused it: {', '.join(refused)}"
        return f"This model must not be used: {told}. What served before still serves."
    if summary.status == "skipped":
        return "Nothing was trained: too little is new."
    return f"The run failed in {summary.failed_component or 'its beginning'}. Nothing was pushed."


def explanations(summary: RunSummary) -> Iterator[str]:
    """Why, and what to do next; a sentence each."""
    if summary.status == "failed":
        yield summary.error or "No reason was written down; log.txt beside this page has all that was said."
        yield (
            "Next: mend what the line above names, then start the same run again: what is done is not done anew."
            if summary.exit_code == 2
            else "Next: start the same run again: a training goes on where it was. If it fails again, see log.txt."
        )
        return
    if summary.status == "skipped":
        yield summary.skipped or ""
        return
    for gate in summary.gates:
        if not gate.passed:
            yield f"{gate.name}: {gate.reason}."
    yield from caveats(summary)
    if summary.status == "refused":
        yield (
            "Next: look at the pictures of wrong pairs below: wrong labels are mended in the data; look-alikes want "
            "more images of those identities, or pairs mined with the served model (pairs.mined); all else is a "
            "matter of the recipe (tuner.trials)."
        )
    elif summary.metrics and not summary.already_serving:
        yield (
            "Next: measure it on pairs of your own (siamese evaluate), and look at the pairs below that it gets wrong: "
            "a wrong label among them is mended in the data."
        )
