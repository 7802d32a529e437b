"""Tables of what is on its way in: files of imports, and what senders bring."""

import hashlib
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
)

from iryo.store.references import OBJECT_KEY
from iryo.store.sql import Json, Ordered, Timestamp, metadata

__all__ = ["IMPORT_KIND", "arrivals", "file_hash", "staged_files"]

IMPORT_KIND: Final = "imaging.import"

# What an import job has done so far, file by file; gone when the job has ended.
staged_files = Table(
    "imaging_staged",
    metadata,
    Column("job_id", Ordered(32), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("input_file", Ordered(), nullable=False),
    # Of the name, which may be longer than an index takes: the member of an archive.
    Column("file_hash", Ordered(32), nullable=False),
    Column("outcome", Ordered(16), nullable=False),
    Column("study_uid", Ordered()),
    Column("series_uid", Ordered()),
    Column("sop_instance_uid", Ordered()),
    Column("identity", String(64)),
    Column("image_set_id", Ordered(32)),
    Column("record", Json, nullable=False),
    Column("pack", Ordered(255), info=dict(OBJECT_KEY)),
    Index("ix_imaging_staged_file", "job_id", "file_hash"),
    Index("ix_imaging_staged_pack", "pack"),
    Index("ix_imaging_staged_series", "job_id", "outcome", "study_uid", "series_uid", "sequence"),
)

# What senders (STOW-RS, C-STORE) have brought, and what became of it. The file lies in an object of
# the inbox, from `offset` on; without an object it is stored, and its sender is still to be told.
arrivals = Table(
    "imaging_arrivals",
    metadata,
    Column("id", Ordered(32), primary_key=True),
    Column("datastore_id", Ordered(32), ForeignKey("imaging_datastores.id"), nullable=False),
    Column("reception", Ordered(32), nullable=False),
    Column("number", Integer, nullable=False),
    Column("object_key", Ordered(255), info=dict(OBJECT_KEY)),
    Column("offset", BigInteger, nullable=False),
    Column("length", BigInteger, nullable=False),
    Column("study_uid", Ordered(), nullable=False),
    Column("series_uid", Ordered(), nullable=False),
    Column("sop_instance_uid", Ordered(256), nullable=False),
    Column("sop_class_uid", String(256), nullable=False),
    Column("transfer_syntax", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("actor", Ordered(128), nullable=False),
    Column("source", String(128), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("received_at", Timestamp, nullable=False),
    Column("outcome", Ordered(16), nullable=False),
    Column("job_id", Ordered(32)),
    Column("attempts", Integer, nullable=False),
    Column("image_set_id", Ordered(32)),
    Column("record", Json),
    Column("settled_at", Timestamp),
    Index("ix_imaging_arrivals_waiting", "outcome", "datastore_id", "received_at"),
    Index("ix_imaging_arrivals_actor", "outcome", "datastore_id", "actor", "received_at"),
    Index("ix_imaging_arrivals_study", "outcome", "datastore_id", "study_uid"),
    Index("ix_imaging_arrivals_job", "job_id", "outcome"),
    Index("ix_imaging_arrivals_reception", "reception", "number"),
    Index("ix_imaging_arrivals_object", "object_key"),
    Index("ix_imaging_arrivals_sop", "datastore_id", "sop_instance_uid"),
)


def file_hash(name: str) -> str:
    """What a file is looked up by among those that an import has noted."""
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
