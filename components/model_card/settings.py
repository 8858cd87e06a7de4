"""The user's part of a model card. Plain pydantic: checked in milliseconds."""

from typing import Annotated

from pydantic import Field, StringConstraints

from models.settings import Settings

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^#\n]+$")]


class ModelCardSettings(Settings):
    """Parts of ``model_card.md``; texts are Markdown."""

    owners: tuple[Text, ...] = Field((), description="who is responsible for the model")
    contact: Text | None = Field(None, description="where to send questions")
    licence: Text | None = Field(None, description="licence of the model")
    references: tuple[Text, ...] = Field((), description="papers, URLs")
    intended_use: Text | None = Field(None, description="purpose and users")
    out_of_scope: Text | None = Field(None, description="uses to avoid")
    ethical_considerations: Text | None = Field(None, description="possible harms and mitigations")
    caveats: Text | None = Field(None, description="in addition to the warnings computed from the metrics")
    sections: dict[Title, Text] = Field({}, description="additional sections, title -> Markdown")
