"""What every kind's structure is made of: strict, so that an unknown field is an error."""

from typing import Annotated

import msgspec
from msgspec import Meta, field

Positive = Annotated[int, Meta(gt=0)]
Natural = Annotated[int, Meta(ge=0)]


class Strict(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Base of every structure: an unknown field is an error."""


def camel(field: str) -> str:
    """A structure's field as manifests spell it."""
    head, *rest = field.split("_")
    return head + "".join(part.capitalize() for part in rest)


class Metadata(Strict):
    name: str
    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


class TemplateMetadata(Strict):
    name: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


class LabelSelector(Strict):
    match_labels: dict[str, str] = field(default_factory=dict)
