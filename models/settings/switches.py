"""What of a file does not outlive another choice in its place: options of the loss or the network that it was for.

A file's values are made for its choices. Where ``--set loss.name=triplet`` makes another one, the file's margin says
nothing any more, while what the user gives himself stays, and is refused if it does not fit.
"""

from collections.abc import Mapping
from typing import Any

from models.settings.augmentation import PRESETS
from models.settings.base import Settings
from models.settings.encoder import EncoderSettings, network_of, unit_norm_of, unread_by, without_norms
from models.settings.image import ImageSettings
from models.settings.loss import OF_COSINES, ONLY_IN_BATCHES, OPTIONS, ORDERED_BY_COSINES, LossSettings, read_by
from models.settings.training import TrainingSettings, default_momentum, default_rate, unread

Content = Mapping[str, Any]  # section -> key -> value, as given
Reasons = dict[str, str]  # "section.key" -> the choice that it does not go with, "loss.name=triplet"

_DEFAULTS: dict[str, type[Settings]] = {
    "encoder": EncoderSettings,
    "image": ImageSettings,
    "loss": LossSettings,
    "training": TrainingSettings,
}
_TURNS = ("quarter_turns_are_identities", "mirrors_are_identities")


def outlived(before: Content, after: Content) -> Reasons:
    """Keys that choices of ``before`` were for, where those of ``after`` differ.

    Args:
      before: what a file gives.
      after: the same with what the user gives in its place.
    """
    return {**_of_encoder(before, after), **_of_loss(before, after), **_of_training(before, after)}


def impossible(before: Content, after: Content) -> Reasons:
    """Distortions of a preset that cannot hold in ``after``, and those of ``before`` that no longer can.

    Those that the content of ``after`` gives, and no other choice than that of ``before`` stands against, are left to
    be refused.
    """
    section = _section(after, "augmentation")
    wanted = {**PRESETS.get(str(section.get("preset", "none")), {}), **section}
    here, there = _against_turns(after), _against_turns(before)
    return {
        f"augmentation.{key}": here[key]
        for key in _TURNS
        if wanted.get(key) is True and here[key] and (key not in section or not there[key])
    }


def _of_encoder(before: Content, after: Content) -> Reasons:
    backbone, weights = (_value(after, "encoder", key) for key in ("backbone", "weights"))
    found: Reasons = {}
    if weights == "none" != _value(before, "encoder", "weights"):
        found["encoder.frozen_epochs"] = "encoder.weights=none"
    if backbone != _value(before, "encoder", "backbone") and weights not in ("none", "imagenet"):
        found |= dict.fromkeys(("encoder.weights", "encoder.frozen_epochs"), f"encoder.backbone={backbone}")
    name = _network(after)
    if name != _network(before):
        found |= {f"encoder.{key}": f"encoder.name={name}" for key in unread_by(name)}
    return found


def _of_loss(before: Content, after: Content) -> Reasons:
    name, form, distance = (str(_value(after, "loss", key)) for key in ("name", "form", "distance"))
    found: Reasons = {}
    for key in ("embedding", "unit_norm", "distance"):
        if reason := _other_units(before, after, key):
            found |= {"loss.margin": reason, "loss.positive_margin": reason}
    if form != _value(before, "loss", "form"):
        found |= {f"loss.{key}": f"loss.form={form}" for key in set(OPTIONS) - set(read_by(name, form))}
    if name != _value(before, "loss", "name"):
        reason = f"loss.name={name}"
        found |= {f"loss.{key}": reason for key in OPTIONS}
        if form == "pairs" and name in ONLY_IN_BATCHES:
            found["loss.form"] = reason
        if name in OF_COSINES and distance not in ORDERED_BY_COSINES:
            found["loss.distance"] = reason
    return found


def _other_units(before: Content, after: Content, key: str) -> str | None:
    """The choice that measures distances in other units than before."""
    one, other = _units(before), _units(after)
    if one[key] == other[key] or "cosine" == one["distance"] == other["distance"]:
        return None
    if key == "embedding" and other["distance"] != "manhattan" and other["unit_norm"]:
        return None
    section = "loss" if key == "distance" else "encoder"
    if key == "unit_norm" and key not in _section(after, "encoder"):
        return f"encoder.name={_network(after)}"
    return f"{section}.{key}={_told(other[key])}"


def _units(content: Content) -> dict[str, Any]:
    return {
        "distance": _value(content, "loss", "distance"),
        "unit_norm": unit_norm_of(_section(content, "encoder")),
        "embedding": _value(content, "encoder", "embedding"),
    }


def _of_training(before: Content, after: Content) -> Reasons:
    found: Reasons = {}
    for choice in ("optimizer", "schedule"):
        name = str(_value(after, "training", choice))
        if name != _value(before, "training", choice):
            found |= {f"training.{key}": f"training.{choice}={name}" for key in unread(choice, name)}
    one, other = (str(_value(content, "training", "optimizer")) for content in (before, after))
    no_norms, none_now = (without_norms(_section(content, "encoder")) for content in (before, after))
    if default_rate(one, no_norms) != default_rate(other, none_now):
        by_optimizer = default_rate(one) != default_rate(other)
        found["training.learning_rate"] = (
            f"training.optimizer={other}" if by_optimizer else _other_network(before, after)
        )
    if default_momentum(one) != default_momentum(other):
        found["training.momentum"] = f"training.optimizer={other}"
    return found


def _other_network(before: Content, after: Content) -> str:
    """The choice that makes it another one."""
    if (name := _network(after)) != _network(before):
        return f"encoder.name={name}"
    one, other = (_section(content, "encoder") for content in (before, after))
    key = "backbone" if one.get("backbone") != other.get("backbone") else "weights"
    return f"encoder.{key}={other.get(key)}"


def _against_turns(content: Content) -> dict[str, str]:
    """Why an image that is turned, or mirrored, cannot be another identity; empty where it can."""
    form, mirrored = _value(content, "loss", "form"), _section(content, "augmentation").get("mirror", False)
    height, width = (_value(content, "image", key) for key in ("height", "width"))
    pairs = f"loss.form={form}" if form != "batch" else ""
    turned = "" if height == width else f"image.height={height} and image.width={width}"
    return dict(zip(_TURNS, (pairs or turned, pairs or ("augmentation.mirror=true" if mirrored else "")), strict=True))


def _network(content: Content) -> str:
    return network_of(_section(content, "encoder"))


def _section(content: Content, name: str) -> Mapping[str, Any]:
    section = content.get(name)
    return section if isinstance(section, Mapping) else {}


def _value(content: Content, section: str, key: str) -> Any:
    return _section(content, section).get(key, _DEFAULTS[section].model_fields[key].default)


def _told(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
