"""Which columns name objects, so that a backup knows what the rows need without knowing them."""

from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Column, MetaData

__all__ = ["OBJECT_KEY", "object_columns"]

_NAME: Final = "iryo_object_key"

OBJECT_KEY: Final = MappingProxyType({_NAME: True})
"""The `info` of a column that holds object keys: what it names is part of the installation."""


def object_columns(metadata: MetaData) -> list[Column[Any]]:
    """All such columns, in the order of the tables."""
    return [
        column
        for table in metadata.sorted_tables
        for column in table.columns
        if column.info.get(_NAME)
    ]
