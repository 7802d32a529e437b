"""The table of DIMSE's peers."""

from typing import Final

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table

from iryo.store.sql import Json, Ordered, Timestamp, metadata

__all__ = ["peers"]

# Application entities by their titles. `sources`: addresses, networks and names that they may
# connect from, as texts; empty: any. `host` and `port`: where they are reached, null if they are
# not. `any_class`: whether they may store what no table here calls a storage SOP class.
peers: Final = Table(
    "imaging_peers",
    metadata,
    Column("ae_title", Ordered(16), primary_key=True),
    Column("datastore_id", Ordered(32), ForeignKey("imaging_datastores.id"), nullable=False),
    Column("role", String(16), nullable=False),
    Column("sources", Json, nullable=False),
    Column("host", String(255)),
    Column("port", Integer),
    Column("tls", Boolean, nullable=False),
    Column("any_class", Boolean, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Index("ix_imaging_peers_datastore", "datastore_id"),
)
