"""What a backup must know of tables: which columns name objects, and whose rows pass."""

from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Column, MetaData, Table

__all__ = ["OBJECT_KEY", "PASSING", "kept_tables", "object_columns"]

_NAME: Final = "iryo_object_key"
_PASSING: Final = "iryo_passing"

OBJECT_KEY: Final = MappingProxyType({_NAME: True})
"""The `info` of a column that holds object keys: what it names is part of the installation."""

PASSING: Final = MappingProxyType({_PASSING: True})
"""The `info` of a table whose rows matter for hours, such as sessions: no backup has them."""


def object_columns(metadata: MetaData) -> list[Column[Any]]:
    """All such columns, in the order of the tables."""
    return [
        column
        for table in metadata.sorted_tables
        for column in table.columns
        if column.info.get(_NAME)
    ]


def kept_tables(metadata: MetaData) -> list[Table]:
    """The tables that a backup has, those that others refer to first."""
    return [table for table in metadata.sorted_tables if not table.info.get(_PASSING)]
