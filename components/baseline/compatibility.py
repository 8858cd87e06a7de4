"""Can a model be compared with? It must answer this pipeline's pair Examples."""

import numpy as np
import tensorflow as tf

from models.export.signatures import blank_pair
from models.settings import ImageSettings

_SIGNATURE = "serving_default"


def fault(model_dir: str, image: ImageSettings) -> str | None:
    """What keeps a SavedModel from scoring pairs of this size, in half a sentence; None where nothing does."""
    try:
        model = tf.saved_model.load(model_dir)
    except Exception as error:  # noqa: BLE001 - a damaged file raises whatever its parser raises
        return f"it cannot be loaded ({_brief(error)})"
    if _SIGNATURE not in model.signatures:
        return f"it has no signature {_SIGNATURE}"
    pairs = tf.constant([blank_pair(image)] * 2)
    try:
        answer = model.signatures[_SIGNATURE](pairs)
    except Exception as error:  # noqa: BLE001 - another's signature refuses in its own way
        return f"its signature {_SIGNATURE} takes no pair Examples of {image.height}x{image.width} ({_brief(error)})"
    for name in ("score", "distance"):
        if name not in answer:
            return f"its signature {_SIGNATURE} gives no {name}, but {', '.join(sorted(answer))}"
        values = answer[name].numpy()
        if values.shape != (2,):
            return f"its {name} has the shape {list(values.shape)} for two pairs"
        if not np.isfinite(values).all():
            return f"its {name} is not a finite number"
    return None


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:160]}"
