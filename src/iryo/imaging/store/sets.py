"""Tables of what is stored: data stores, instances, image sets and their words."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from iryo.store.references import OBJECT_KEY
from iryo.store.sql import Json, Ordered, Timestamp, metadata

__all__ = [
    "datastores",
    "image_set_members",
    "image_set_terms",
    "image_set_versions",
    "image_sets",
    "instances",
    "resource_tags",
]


def _shown(name: str, *columns: str, others: bool = False) -> Index:
    """An index of what searches show, or of those `others` among it that are not primary.

    It is taken only where a query has these words, as words and not as parameters.
    """
    where = "state <> 'DELETED'"
    return Index(
        name,
        *columns,
        sqlite_where=text(where + " AND is_primary IS 0" * others),
        postgresql_where=text(where + " AND is_primary IS false" * others),
    )


datastores = Table(
    "imaging_datastores",
    metadata,
    Column("id", Ordered(32), primary_key=True),
    Column("name", String(256), nullable=False),
    Column("status", String(16), nullable=False),
    Column("lossless_format", String(32), nullable=False),
    Column("kms_key_arn", String(512)),
    Column("lambda_authorizer_arn", String(512)),
    Column("token", Ordered(64)),
    Column("token_fingerprint", String(64)),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    UniqueConstraint("token"),
    Index("ix_imaging_datastores_created", "created_at", "id"),
)

resource_tags = Table(
    "imaging_tags",
    metadata,
    Column("resource_arn", Ordered(512), primary_key=True),
    Column("key", Ordered(128), primary_key=True),
    Column("value", String(256), nullable=False),
)

# One row per stored instance; only where it lies changes. Its bytes stand in the pack one after the
# other: frames (each with its residue), header, document; `stored_size` of them, up to the end of
# the document. `frames` holds, for each frame, two unsigned
# 64-bit little-endian integers: offset and length of its bytes in the pack.
instances = Table(
    "imaging_instances",
    metadata,
    Column("key", Ordered(26), primary_key=True),
    Column("datastore_id", Ordered(32), ForeignKey("imaging_datastores.id"), nullable=False),
    Column("sop_instance_uid", Ordered(256), nullable=False),
    Column("sop_class_uid", String(256), nullable=False),
    Column("source_syntax", String(64), nullable=False),
    Column("stored_syntax", String(64)),
    Column("digest", LargeBinary(32), nullable=False),
    Column("pack", Ordered(255), nullable=False, info=dict(OBJECT_KEY)),
    Column("header_offset", BigInteger, nullable=False),
    Column("header_length", BigInteger, nullable=False),
    Column("document_offset", BigInteger, nullable=False),
    Column("document_length", BigInteger, nullable=False),
    Column("residues", Json),
    Column("frames", LargeBinary, nullable=False),
    Column("frame_count", Integer, nullable=False),
    Column("source_size", BigInteger, nullable=False),
    Column("stored_size", BigInteger, nullable=False),
    Column("warnings", Json),
    Column("created_at", Timestamp, nullable=False),
    # XXH3-128 of the instance's `stored_size` bytes in the pack; null in rows of before 0.2.
    Column("stored_hash", LargeBinary(16)),
    # Since when it is in quarantine: its bytes are not what was stored, and nobody gets them.
    Column("damaged_at", Timestamp),
    Index("ix_imaging_instances_sop", "datastore_id", "sop_instance_uid"),
    Index("ix_imaging_instances_pack", "pack"),
)

image_sets = Table(
    "imaging_image_sets",
    metadata,
    Column("id", Ordered(32), primary_key=True),
    Column("datastore_id", Ordered(32), ForeignKey("imaging_datastores.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Ordered(16), nullable=False),
    Column("workflow_status", String(40), nullable=False),
    Column("is_primary", Boolean, nullable=False),
    Column("identity", String(64), nullable=False),
    Column("instance_count", Integer, nullable=False),
    Column("message", Text),
    # The job that changes it while it is LOCKED.
    Column("locked_by", String(32)),
    Column("forced", Boolean, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("deleted_at", Timestamp),
    Column("patient_id", Ordered()),
    Column("patient_name", Text),
    Column("patient_birth_date", Text),
    Column("patient_sex", Text),
    Column("study_uid", Ordered(), nullable=False),
    Column("study_id", Ordered()),
    Column("study_description", Text),
    Column("accession_number", Ordered()),
    Column("series_uid", Ordered(), nullable=False),
    Column("modality", Text),
    Column("body_part", Text),
    Column("series_number", Text),
    Column("study_date", Text),
    Column("study_time", Text),
    # Date and time of the study as one text that sorts, empty when there is none.
    Column("study_datetime", Ordered(32), nullable=False),
    # What its latest version holds, in frames and bytes, for the storage report.
    Column("frame_count", BigInteger, nullable=False, server_default=text("0")),
    Column("source_bytes", BigInteger, nullable=False, server_default=text("0")),
    Column("stored_bytes", BigInteger, nullable=False, server_default=text("0")),
    Column("modality_code", Ordered(16), nullable=False, server_default=text("''")),
    Index(
        "ix_imaging_sets_storage",
        "datastore_id",
        "state",
        "modality_code",
        "instance_count",
        "frame_count",
        "source_bytes",
        "stored_bytes",
        "version",
    ),
    # In the order of results, without what no search shows: after a million deletions the newest
    # that is left is still the first. The filter of `search` says the same words.
    _shown("ix_imaging_sets_updated", "datastore_id", "updated_at", "id"),
    _shown("ix_imaging_sets_created", "datastore_id", "created_at", "id"),
    # With `updated_at`: the newest changes among the studies of a year are read off the index.
    _shown("ix_imaging_sets_study_datetime", "datastore_id", "study_datetime", "id", "updated_at"),
    # Those that are not primary are few: they must be found without walking past all others.
    _shown("ix_imaging_sets_updated_others", "datastore_id", "updated_at", "id", others=True),
    _shown("ix_imaging_sets_created_others", "datastore_id", "created_at", "id", others=True),
    _shown(
        "ix_imaging_sets_study_datetime_others",
        "datastore_id",
        "study_datetime",
        "id",
        others=True,
    ),
    _shown("ix_imaging_sets_modality", "datastore_id", "modality_code", "updated_at", "id"),
    # A study id of 1, a patient called ANONYMOUS: thousands that agree, in the order of results.
    Index("ix_imaging_sets_patient", "datastore_id", "patient_id", "updated_at", "id"),
    Index("ix_imaging_sets_accession", "datastore_id", "accession_number", "updated_at", "id"),
    Index("ix_imaging_sets_study_id", "datastore_id", "study_id", "updated_at", "id"),
    Index("ix_imaging_sets_study", "datastore_id", "study_uid"),
    Index("ix_imaging_sets_series", "datastore_id", "series_uid"),
    # One primary image set per series: two servers that import it at once cannot both win.
    Index(
        "uq_imaging_sets_primary",
        "datastore_id",
        "study_uid",
        "series_uid",
        unique=True,
        sqlite_where=text("is_primary = 1 AND state <> 'DELETED'"),
        postgresql_where=text("is_primary AND state <> 'DELETED'"),
    ),
)

image_set_versions = Table(
    "imaging_versions",
    metadata,
    Column("image_set_id", Ordered(32), ForeignKey("imaging_image_sets.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("state", Ordered(16), nullable=False),
    Column("workflow_status", String(40), nullable=False),
    Column("is_primary", Boolean, nullable=False),
    Column("forced", Boolean, nullable=False),
    Column("message", Text),
    Column("document", String(255), nullable=False, info=dict(OBJECT_KEY)),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("deleted_at", Timestamp),
    # The object that keeps the metadata as DICOM JSON, once somebody has asked for it. It follows
    # from what else is stored: no backup holds it, and where it is missing it is made again.
    Column("dicom_json", String(255)),
)

# Which stored instances an image set holds: from `first_version` up to and including
# `last_version`, or until now when that is null.
image_set_members = Table(
    "imaging_members",
    metadata,
    Column("image_set_id", Ordered(32), ForeignKey("imaging_image_sets.id"), primary_key=True),
    Column("instance_key", Ordered(26), ForeignKey("imaging_instances.key"), primary_key=True),
    Column("first_version", Integer, primary_key=True),
    Column("last_version", Integer),
    Column("sop_instance_uid", Ordered(256), nullable=False),
    Index("ix_imaging_members_instance", "instance_key"),
    sqlite_with_rowid=False,
)

# The words by which a person finds an image set, folded (see names.py). A prefix is a range; those
# of one word lie in the order of their studies, so that the newest of a common name come first.
image_set_terms = Table(
    "imaging_terms",
    metadata,
    Column("datastore_id", Ordered(32), primary_key=True),
    Column("term", Ordered(64), primary_key=True),
    Column("study_datetime", Ordered(32), primary_key=True),
    Column("image_set_id", Ordered(32), ForeignKey("imaging_image_sets.id"), primary_key=True),
    Index("ix_imaging_terms_set", "image_set_id", "term"),
    sqlite_with_rowid=False,
)
