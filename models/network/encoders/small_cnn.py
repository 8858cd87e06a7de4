"""3x3 convolutions and max-pooling: enough for small grey images."""

import keras

from models.network.encoders.head import embedding
from models.network.encoders.norm import batch_norm
from models.settings import EncoderSettings, ImageSettings


def small_cnn(image: ImageSettings, encoder: EncoderSettings) -> keras.Model:
    """3x3 convolution, 2x2 max-pooling, batch norm and ReLU a block; then dropout and one dense layer.

    Pooled first, for normalising a quarter of the pixels halves a training step on a CPU; what the ReLU lets through is
    the same wherever the norm's scale is positive.

    float32 [n, height, width, channels], normalised -> float32 [n, embedding].
    """
    inputs = keras.Input((image.height, image.width, image.channels), name="image")
    x = inputs
    for block, filters in enumerate(encoder.filters or (), start=1):
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv_{block}")(x)
        if min(x.shape[1], x.shape[2]) >= 2:
            x = keras.layers.MaxPooling2D(2, name=f"pool_{block}")(x)
        x = batch_norm(f"norm_{block}")(x)
        x = keras.layers.Activation("relu", name=f"relu_{block}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, embedding(x, encoder), name="encoder")
