"""Tables of what queries answer: studies, and the series of which they consist.

They follow from the primary image sets that are not deleted, in the transaction that changes one;
`service.catalogue` keeps them. An answer lies there as the JSON that is given.
"""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, text

from iryo.store.sql import Ordered, metadata

__all__ = ["series", "studies"]

# One row per primary image set that is not deleted.
series = Table(
    "imaging_series",
    metadata,
    Column("image_set_id", Ordered(32), ForeignKey("imaging_image_sets.id"), primary_key=True),
    Column("datastore_id", Ordered(32), nullable=False),
    Column("study_uid", Ordered(), nullable=False),
    Column("series_uid", Ordered(), nullable=False),
    Column("study_datetime", Ordered(32), nullable=False),
    Column("modality", Ordered()),
    Column("series_number", Ordered()),
    Column("description", Ordered()),
    Column("body_part", Ordered()),
    # Start of the performed procedure step, date and time as one text that sorts.
    Column("performed_at", Ordered()),
    # Each value between backslashes, to be found by LIKE.
    Column("scheduled_step_ids", Text, nullable=False),
    Column("requested_procedure_ids", Text, nullable=False),
    Column("sop_classes", Text, nullable=False),
    Column("instance_count", Integer, nullable=False),
    # False: made by the migration, of a row; its document is still to be read.
    Column("whole", Boolean, nullable=False),
    # DICOM JSON: what each answer has at the series level; what else the document says there; what
    # it says at the levels of study and patient, in two parts as well.
    Column("answer", LargeBinary, nullable=False),
    Column("others", LargeBinary, nullable=False),
    Column("study", LargeBinary, nullable=False),
    Column("study_others", LargeBinary, nullable=False),
    Index("ix_imaging_series_study", "datastore_id", "study_uid", "series_uid"),
    Index("ix_imaging_series_uid", "datastore_id", "series_uid"),
    Index(
        "ix_imaging_series_newest",
        "datastore_id",
        "study_datetime",
        "study_uid",
        "series_uid",
        "modality",
    ),
    Index(
        "ix_imaging_series_unread",
        "image_set_id",
        sqlite_where=text("whole IS 0"),
        postgresql_where=text("whole IS false"),
    ),
)

# One row per study that has such a series.
studies = Table(
    "imaging_studies",
    metadata,
    Column("datastore_id", Ordered(32), primary_key=True),
    Column("study_uid", Ordered(), primary_key=True),
    Column("study_datetime", Ordered(32), nullable=False),
    Column("patient_id", Ordered()),
    # The component groups of the name, folded (see names.py): upper and lower case, width, kana.
    Column("name_alphabetic", Ordered()),
    Column("name_ideographic", Ordered()),
    Column("name_phonetic", Ordered()),
    Column("birth_date", Ordered()),
    Column("sex", Ordered()),
    Column("study_id", Ordered()),
    Column("accession_number", Ordered()),
    Column("description", Ordered()),
    # Folded, its groups joined by =.
    Column("referring", Text),
    # Each value between backslashes.
    Column("modalities", Ordered(), nullable=False),
    Column("series_count", Integer, nullable=False),
    Column("instance_count", Integer, nullable=False),
    # DICOM JSON: what each answer has; what else is known of patient and study.
    Column("answer", LargeBinary, nullable=False),
    Column("others", LargeBinary, nullable=False),
    # In the order of answers, newest first; with what most of them may be passed over for.
    Index(
        "ix_imaging_studies_newest",
        "datastore_id",
        "study_datetime",
        "study_uid",
        "modalities",
        "name_alphabetic",
        "name_ideographic",
        "name_phonetic",
    ),
    Index(
        "ix_imaging_studies_patient", "datastore_id", "patient_id", "study_datetime", "study_uid"
    ),
    Index(
        "ix_imaging_studies_accession",
        "datastore_id",
        "accession_number",
        "study_datetime",
        "study_uid",
    ),
    Index("ix_imaging_studies_study_id", "datastore_id", "study_id", "study_datetime", "study_uid"),
    *(
        Index(
            f"ix_imaging_studies_{group}",
            "datastore_id",
            f"name_{group}",
            "study_uid",
            sqlite_where=text(f"name_{group} IS NOT NULL"),
            postgresql_where=text(f"name_{group} IS NOT NULL"),
        )
        for group in ("alphabetic", "ideographic", "phonetic")
    ),
)
