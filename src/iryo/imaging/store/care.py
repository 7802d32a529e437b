"""Tables of the care for what is stored: damage, holds, retention, what waits for deletion."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from iryo.store.sql import Json, Ordered, Timestamp, metadata

__all__ = ["care_cursors", "damage", "holds", "retention_rules", "retired"]

# What verify found to be not as it was stored. The id follows from what and where, so that damage
# that is found again is one row. Open while `cleared_at` is null.
damage = Table(
    "imaging_damage",
    metadata,
    Column("id", Ordered(32), primary_key=True),
    Column("datastore_id", Ordered(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("image_set_id", Ordered(32)),
    Column("version", Integer),
    Column("series_uid", Ordered()),
    Column("instance_key", Ordered(26)),
    Column("sop_instance_uid", Ordered()),
    Column("frame", Integer),
    Column("object_key", Ordered(255)),
    Column("found", Text, nullable=False),
    Column("expected", Text, nullable=False),
    Column("job_id", Ordered(32)),
    Column("found_at", Timestamp, nullable=False),
    Column("cleared_at", Timestamp),
    Column("cleared_by", String(256)),
    Index("ix_imaging_damage_open", "datastore_id", "cleared_at", "found_at"),
    Index("ix_imaging_damage_instance", "instance_key"),
)

# How far a job of care has come; gone when it has ended.
care_cursors = Table(
    "imaging_care_cursors",
    metadata,
    Column("job_id", Ordered(32), primary_key=True),
    Column("phase", String(32), nullable=False),
    Column("after", Json),
    Column("counts", Json, nullable=False),
)

# Objects that no row names any more, and that wait for their deletion; `deleting`: it is decided.
retired = Table(
    "imaging_retired",
    metadata,
    Column("object_key", Ordered(255), primary_key=True),
    Column("datastore_id", Ordered(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("reason", String(16), nullable=False),
    Column("retired_at", Timestamp, nullable=False),
    Column("deleting", Boolean, nullable=False),
    Index("ix_imaging_retired_at", "retired_at"),
)

# Legal holds: what they cover is not deleted by any door until they are released.
holds = Table(
    "imaging_holds",
    metadata,
    Column("id", Ordered(32), primary_key=True),
    Column("datastore_id", Ordered(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("value", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("placed_by", String(256), nullable=False),
    Column("placed_at", Timestamp, nullable=False),
    Column("released_by", String(256)),
    Column("released_at", Timestamp),
    Index("ix_imaging_holds_open", "datastore_id", "released_at"),
)

# How long image sets of a data store are kept at least, counted from their making.
retention_rules = Table(
    "imaging_retention",
    metadata,
    Column("datastore_id", Ordered(32), primary_key=True),
    Column("keep_days", Integer, nullable=False),
    Column("then_delete", Boolean, nullable=False),
    Column("set_by", String(256), nullable=False),
    Column("set_at", Timestamp, nullable=False),
)
