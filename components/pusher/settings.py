"""What a user may set about the push. Plain pydantic: checked in milliseconds."""

from typing import Annotated

from pydantic import Field

from models.settings import IsPath, Settings


class PushSettings(Settings):
    """Where a blessed model goes and what stays beside it."""

    serving_dir: Annotated[str | None, IsPath()] = Field(
        None, description="a folder, or gs://, s3://, memory:// address; default: serving/ in the output folder"
    )
    keep: int = Field(5, ge=1, description="versions kept, the serving one among them; older ones are removed")
