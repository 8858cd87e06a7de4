"""Option groups: the options of a file that no longer apply once an override replaces the choice they were set for.

A file's values are chosen for its choices. With ``--set loss.name=triplet`` the file's margin does not apply any more.
Options that the user sets in an override stay, and are refused if they do not fit.
"""

from collections.abc import Mapping
from typing import Any

from models.settings.augmentation import PRESETS
from models.settings.base import Settings
from models.settings.encoder import ENCODERS, EncoderSettings, lacks_norms, network_of, unit_norm_of
from models.settings.image import ImageSettings
from models.settings.loss import DISTANCES, LOSSES, ORDERED_AS_COSINES, LossSettings
from models.settings.training import CHOICES, OPTIMIZERS, TrainingSettings, default_rate

Content = Mapping[str, Any]  # section -> key -> value, as the user writes it
Reasons = dict[str, str]  # "section.key" -> the choice that excludes it, "loss.name=triplet"

_DEFAULTS: dict[str, type[Settings]] = {
    "encoder": EncoderSettings,
    "image": ImageSettings,
    "loss": LossSettings,
    "training": TrainingSettings,
}
_MARGINS = sorted({margin for loss in LOSSES.values() for unit in loss.margins.values() for margin in unit})
_TURNS = ("quarter_turns_are_identities", "mirrors_are_identities")


def orphaned(before: Content, after: Content) -> Reasons:
    """Keys that a file, ``before``, sets for its choices, where those with the user's overrides, ``after``, differ."""
    return {**_of_encoder(before, after), **_of_loss(before, after), **_of_training(before, after)}


def impossible(before: Content, after: Content) -> Reasons:
    """Distortions of a preset that are impossible in ``after``, and those of ``before`` that no longer are possible.

    One that ``after`` sets, and that was impossible in ``before`` too, is not among them: validation refuses it.
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
    one, other = (_section(content, "encoder") for content in (before, after))
    name = _network(after)
    found: Reasons = {}
    if name in ENCODERS:
        nones = dict.fromkeys(ENCODERS.options())
        dropped = ENCODERS[name].dropped({**nones, **one}, {**nones, **other})
        found = {f"encoder.{key}": f"encoder.{why}={other.get(why)}" for key, why in dropped.items()}
    if name != _network(before):
        found |= {f"encoder.{key}": f"encoder.name={name}" for key in ENCODERS.unread_by(name)}
    return found


def _of_loss(before: Content, after: Content) -> Reasons:
    name, form, distance = (str(_value(after, "loss", key)) for key in ("name", "form", "distance"))
    found: Reasons = {}
    for key in ("embedding", "unit_norm", "distance"):
        if reason := _other_units(before, after, key):
            found |= {f"loss.{margin}": reason for margin in _MARGINS}
    if form != _value(before, "loss", "form"):
        read = LOSSES[name].options_of(form) if name in LOSSES else ()
        found |= {f"loss.{key}": f"loss.form={form}" for key in set(LOSSES.options()) - set(read)}
    if name != _value(before, "loss", "name"):
        reason = f"loss.name={name}"
        found |= {f"loss.{key}": reason for key in LOSSES.options()}
        if name in LOSSES and form not in LOSSES[name].forms():
            found["loss.form"] = reason
        if name in LOSSES and LOSSES[name].of_cosines and distance not in ORDERED_AS_COSINES:
            found["loss.distance"] = reason
    return found


def _other_units(before: Content, after: Content, key: str) -> str | None:
    """The choice that measures distances in other units than before."""
    one, other = _units(before), _units(after)
    distance = DISTANCES.get(str(other["distance"]))
    if one[key] == other[key] or distance is None:
        return None
    if distance.ignores_length and one["distance"] == other["distance"]:
        return None
    if key == "embedding" and other["unit_norm"] and distance.ratio(one[key]) == distance.ratio(other[key]):
        return None
    section = "loss" if key == "distance" else "encoder"
    if key == "unit_norm" and key not in _section(after, "encoder"):
        return f"encoder.name={_network(after)}"
    return f"{section}.{key}={str(other[key]).lower()}"


def _units(content: Content) -> dict[str, Any]:
    return {
        "distance": _value(content, "loss", "distance"),
        "unit_norm": unit_norm_of(_section(content, "encoder")),
        "embedding": _value(content, "encoder", "embedding"),
    }


def _of_training(before: Content, after: Content) -> Reasons:
    found: Reasons = {}
    for choice, registry in CHOICES.items():
        name = str(_value(after, "training", choice))
        if name != _value(before, "training", choice):
            found |= {f"training.{key}": f"training.{choice}={name}" for key in registry.unread_by(name)}
    one, other = (str(_value(content, "training", "optimizer")) for content in (before, after))
    no_norms, none_now = (lacks_norms(_section(content, "encoder")) for content in (before, after))
    if default_rate(one, no_norms) != default_rate(other, none_now):
        by_optimizer = default_rate(one) != default_rate(other)
        reason = f"training.optimizer={other}" if by_optimizer else _other_network(before, after)
        found["training.learning_rate"] = reason
    if OPTIMIZERS.defaults(one).get("momentum") != OPTIMIZERS.defaults(other).get("momentum"):
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
