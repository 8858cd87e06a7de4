"""The compatibility check of a baseline: it must score the pair Examples of this pipeline."""

import numpy as np
import tensorflow as tf

from models.export.saved_model import blank_pair
from models.settings import ImageSettings

_SIGNATURE = "serving_default"


def incompatibility(model_dir: str, image: ImageSettings) -> str | None:
    """Why a SavedModel cannot score pairs of this size, in half a sentence; None if it can."""
    try:
        model = tf.saved_model.load(model_dir)
    except Exception as error:  # noqa: BLE001 - a damaged file can raise any class
        return f"it cannot be loaded ({_brief(error)})"
    if _SIGNATURE not in model.signatures:
        return f"it has no signature {_SIGNATURE}"
    pairs = tf.constant([blank_pair(image)] * 2)
    try:
        outputs = model.signatures[_SIGNATURE](pairs)
    except Exception as error:  # noqa: BLE001 - a foreign signature can raise any class
        return f"its signature {_SIGNATURE} rejects pair Examples of {image.height}x{image.width} ({_brief(error)})"
    for name in ("score", "distance"):
        if name not in outputs:
            return f"its signature {_SIGNATURE} has no output {name}, but {', '.join(sorted(outputs))}"
        values = outputs[name].numpy()
        if values.shape != (2,):
            return f"its {name} has the shape {list(values.shape)} for two pairs"
        if not np.isfinite(values).all():
            return f"its {name} is not a finite number"
    return None


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:160]}"
