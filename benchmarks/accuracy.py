"""Accuracy on identities never seen: our recipes, the tutorial's trained as long on the same images, and ablations.

    python -m benchmarks accuracy --protocol omniglot --images images_background --seeds 0 1 2
    python -m benchmarks accuracy --protocol koch --images images_background --seeds 0
    python -m benchmarks accuracy --protocol orl --images orl_faces --ablations

Each row is `siamese run` on a manifest that holds out the same test identities for every seed; the validation
identities, the weights and the pairs change with it. The tutorial recipe is the one of keras.io and many blogs: pairs
drawn once, plain contrastive loss at margin 1 on free embeddings, Adam at a constant 1e-3, no augmentation, images as
they come; network, images and seconds of training are ours. Omniglot's one-shot task is 20-way within an alphabet (all
of its characters where it has fewer), one drawer's images against another's, after Lake et al. 2015, with newly drawn
drawers. ``koch`` is the same with drawers held out too: 12 of the 20 train, 4 others validate and 4 others test.
``--ablations`` trains every variant, and ours, for ``--epochs`` epochs where set.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import stats

from benchmarks._protocols import PROTOCOLS, Protocol, drawer, in_splits, write_manifest
from components.run_record.files import RunFiles
from models.data import features
from models.export.inference import LoadedModel, read_image
from pipeline.config import load_config
from pipeline.environment.output_folder import METADATA
from pipeline.runs.metadata import artifacts_of, nodes_of

ROOT = Path(__file__).parent.parent
OURS = "ours"
TUTORIAL = (
    "loss={form: pairs, margin: 1.0}",
    "encoder.unit_norm=false",
    "encoder.dropout=0",
    "augmentation={}",
    "image.trim=null",
    "training.optimizer=adam",
    "training.learning_rate=0.001",
    "training.schedule=constant",
    "training.warmup=0",
    "training.steps_per_epoch=100",
    "training.patience=1000",
)
_UPRIGHT = ("augmentation.quarter_turns_are_identities=false", "augmentation.mirrors_are_identities=false")
ABLATIONS = {
    "pairs instead of all of a batch": ("loss={form: pairs}", *_UPRIGHT),
    "no augmentation": ("augmentation={}",),
    "not trimmed": ("image.trim=null",),
    "no turned or mirrored identities": _UPRIGHT,
    "one group a batch": ("training.batch.groups=1",),
    "12 identities a batch": ("training.batch.identities=12",),
    "24 identities a batch": ("training.batch.identities=24",),
    "AdamW": ("training.optimizer=adamw",),
    "constant rate": ("training.schedule=constant",),
    "free embeddings": ("encoder.unit_norm=false", "loss={margin: 1.0, positive_margin: 0.0}"),
    "binary cross-entropy": ("loss={name: binary_cross_entropy, distance: weighted_manhattan}",),
    "triplet": ("loss={name: triplet}",),
    "multi-similarity": ("loss={name: multi_similarity}",),
    "supervised contrastive": ("loss={name: supervised_contrastive}",),
}
ONE_SHOT_RUNS = 40  # an alphabet
_IMPOSTORS = {features.RANDOM: "from anywhere", features.SAME_GROUP: "same group", features.FORGERY: "forgeries"}


class Bench:
    """Runs recipes on one protocol and seed, in one output folder, so that images and pairs are made once."""

    def __init__(self, protocol: Protocol, images: Path, seed: int, work: Path) -> None:
        self._protocol, self._seed, self._work = protocol, seed, work
        work.mkdir(parents=True, exist_ok=True)
        self.recipe = ROOT / "configs" / f"{protocol.config}.yaml"
        self._manifest = work / "manifest.csv"
        self._split = write_manifest(protocol, images, seed, self._manifest)
        self._images = list(protocol.images(images.resolve()))

    def run(self, name: str, settings: tuple[str, ...]) -> dict[str, Any]:
        """The summary of a run, with what it reached on the test identities under ``reached``."""
        kept = self._work / f"{name.replace(' ', '-')}.json"
        if kept.is_file():
            return dict(json.loads(kept.read_text()))
        given = ("gates.floors={accuracy: 0.01}", *self._protocol.settings, f"seed={self._seed}", *settings)
        command = [str(Path(sys.executable).parent / "siamese"), "run", "--data", str(self._manifest)]
        command += ["--config", str(self.recipe), "--output", str(self._work)]
        command += [part for setting in given for part in ("--set", setting)]
        ended = subprocess.run(command, check=False)
        if ended.returncode not in (0, 3):
            raise SystemExit(f"{name}: the run ended with {ended.returncode}")
        summary: dict[str, Any] = json.loads((self._work / "runs" / "latest" / "summary.json").read_text())
        summary["reached"] = self._reached(summary)
        kept.write_text(json.dumps(summary))
        return summary

    def _reached(self, summary: dict[str, Any]) -> dict[str, float]:
        reached = {name: summary["metrics"][name]["value"] for name in ("accuracy", "auc", "eer")}
        right = {name.removeprefix("kind: "): part["accuracy"] for name, part in summary["slices"].items()}
        for kind, column in _IMPOSTORS.items():
            if kind in right:
                reached[column] = (right[features.GENUINE] + right[kind]) / 2
        if self._protocol.one_shot:
            reached["20-way one-shot"] = self._one_shot(summary["run_id"])
        return reached

    def _one_shot(self, run_id: str) -> float:
        """The share of images whose nearest among another drawer's 20 characters is their own."""
        trained = RunFiles(artifacts_of(nodes_of(self._work / METADATA, run_id))).model_dir()
        if trained is None:
            raise SystemExit(f"{run_id}: the run has no model")
        model = LoadedModel(trained)
        shown = [image for image, held in in_splits(self._protocol, self._images, self._split) if held == "test"]
        embeddings = model.embed(read_image(image.path) for image in shown)
        rows: dict[str, dict[int, dict[str, int]]] = {}  # by alphabet, drawer and character
        for row, image in enumerate(shown):
            rows.setdefault(image.group, {}).setdefault(drawer(image), {})[image.identity] = row
        random, right, asked = np.random.default_rng(0), 0, 0
        for drawers in rows.values():
            for _ in range(ONE_SHOT_RUNS):
                one, other = (drawers[who] for who in random.choice(sorted(drawers), 2, replace=False))
                both = sorted(one.keys() & other.keys())
                chosen = random.choice(both, min(20, len(both)), replace=False)
                a, b = (embeddings[[drawn[name] for name in chosen]] for drawn in (one, other))
                distance, _ = model.score_embeddings(np.repeat(a, len(b), axis=0), np.tile(b, (len(a), 1)))
                right += int((distance.reshape(len(a), len(b)).argmin(axis=1) == np.arange(len(a))).sum())
                asked += len(a)
        return right / asked


def tutorial(bench: Bench, epochs: int) -> dict[str, Any]:
    """The tutorial recipe for so many epochs."""
    return bench.run(f"tutorial {epochs} epochs", (*TUTORIAL, f"training.epochs={epochs}"))


def tutorial_epochs(bench: Bench, seconds: float) -> int:
    """How many epochs of the tutorial recipe take as long as ours took."""
    epochs = 4
    for _ in range(2):  # the first epochs are slower than those that follow
        run = tutorial(bench, epochs)
        if "Trainer" in run["cached"]:
            raise SystemExit("--work holds this very training, which cannot be timed again; name another folder")
        epochs = max(1, round(epochs * seconds / run["timings"]["Trainer"]))
    return epochs


def ablations_of(recipe: Path) -> dict[str, tuple[str, ...]]:
    """Those that change anything of a configuration."""
    ours = load_config(recipe)
    return {name: settings for name, settings in ABLATIONS.items() if load_config(recipe, settings) != ours}


def ablations(bench: Bench, epochs: int | None) -> dict[str, list[dict[str, Any]]]:
    """Each choice of the recipe switched off; where all are shortened, ours as short too."""
    variants = ablations_of(bench.recipe)
    if epochs is None:
        return {name: [bench.run(name, settings)] for name, settings in variants.items()}
    shortened = {f"{name}, {epochs} epochs": settings for name, settings in ({OURS: ()} | variants).items()}
    return {name: [bench.run(name, (*settings, f"training.epochs={epochs}"))] for name, settings in shortened.items()}


def interval(values: list[float]) -> str:
    """Mean and 95% t-interval over seeds."""
    if len(values) < 2:
        return f"{values[0]:.4f}"
    half = stats.t.ppf(0.975, len(values) - 1) * stdev(values) / len(values) ** 0.5
    return f"{mean(values):.4f} ± {half:.4f}"


def show(rows: dict[str, list[dict[str, Any]]]) -> None:
    """One line a recipe; a run that reused a training has no time."""
    columns = list(next(iter(rows.values()))[0]["reached"])
    table = Table("recipe", "seeds", *columns, "training s")
    for name, summaries in rows.items():
        cells = [interval([summary["reached"][column] for summary in summaries]) for column in columns]
        seconds = [summary["timings"]["Trainer"] for summary in summaries if "Trainer" not in summary["cached"]]
        table.add_row(name, str(len(summaries)), *cells, f"{mean(seconds):.0f}" if seconds else "")
    Console(width=160).print(table)


def main() -> None:
    """Runs what was asked for and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocol", choices=PROTOCOLS, required=True)
    parser.add_argument("--images", type=Path, required=True, help="the folder that the set's archive unpacks to")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--ablations", action="store_true", help="each choice of the recipe switched off, every seed")
    parser.add_argument("--epochs", type=int, help="of the ablations, and of ours beside them; default: all")
    parser.add_argument("--no-tutorial", action="store_true")
    parser.add_argument("--work", type=Path, default=Path("accuracy-bench"), help="what is finished here stays")
    arguments = parser.parse_args()
    protocol = PROTOCOLS[arguments.protocol]
    rows: dict[str, list[dict[str, Any]]] = {}
    epochs = 0
    for seed in arguments.seeds:
        bench = Bench(protocol, arguments.images, seed, arguments.work / arguments.protocol / str(seed))
        ours = bench.run(OURS, ())
        rows.setdefault(OURS, []).append(ours)
        if not arguments.no_tutorial:
            epochs = epochs or tutorial_epochs(bench, ours["timings"]["Trainer"])
            rows.setdefault("tutorial", []).append(tutorial(bench, epochs))
        if arguments.ablations:
            for name, runs in ablations(bench, arguments.epochs).items():
                rows.setdefault(name, []).extend(runs)
        show(rows)


if __name__ == "__main__":
    main()
