"""What a user says of a model that no measurement tells. Plain pydantic: checked in milliseconds."""

from typing import Annotated

from pydantic import Field, StringConstraints

from models.settings import Settings

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^#\n]+$")]


class ModelCardSettings(Settings):
    """Parts of ``model_card.md``; texts are Markdown."""

    owners: tuple[Text, ...] = Field((), description="who answers for the model")
    contact: Text | None = Field(None, description="where to ask")
    licence: Text | None = Field(None, description="under which the model may be used")
    references: tuple[Text, ...] = Field((), description="papers, addresses")
    intended_use: Text | None = Field(None, description="what for, and for whom")
    out_of_scope: Text | None = Field(None, description="what it must not be used for")
    ethical_considerations: Text | None = Field(None, description="who may be harmed, and what is done about it")
    caveats: Text | None = Field(None, description="beside those that the figures tell")
    sections: dict[Title, Text] = Field({}, description="more of them, title -> Markdown")
