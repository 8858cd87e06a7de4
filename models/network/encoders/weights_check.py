"""A process that finds out whether a backbone's weights can be had and fit it, so that a run need not begin to know.

Reads the settings as JSON from its standard input. Writes what is wrong to its standard output, and all that libraries
print to the other one. Ends with 0 where nothing is wrong, with 2 where something is.
"""

import contextlib
import json
import sys

from models.errors import UserError


def main() -> None:
    """Loads the weights as the Trainer will; those from elsewhere are then in Keras's cache."""
    given = json.load(sys.stdin)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            from models.network.encoders import build_encoder
            from models.network.encoders.pretrained import load_pretrained
            from models.settings import EncoderSettings, ImageSettings

            image, encoder = ImageSettings(**given["image"]), EncoderSettings(**given["encoder"])
            load_pretrained(build_encoder(image, encoder), image, encoder)
    except UserError as error:
        print(error)
        sys.exit(2)
