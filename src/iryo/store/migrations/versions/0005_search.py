"""Search and import among millions: terms in the order of studies, indexes in the order of results.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

from iryo.store.sql import Ordered

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SETS = "imaging_image_sets"
_SORTS = ("updated_at", "created_at", "study_datetime")


def upgrade() -> None:
    """Make both tables anew, and the indexes."""
    op.execute("CREATE TABLE imaging_terms_old AS SELECT * FROM imaging_terms")
    op.drop_table("imaging_terms")
    op.create_table(
        "imaging_terms",
        sa.Column("datastore_id", Ordered(32), primary_key=True),
        sa.Column("term", Ordered(64), primary_key=True),
        sa.Column("study_datetime", Ordered(32), primary_key=True),
        sa.Column("image_set_id", Ordered(32), sa.ForeignKey(f"{_SETS}.id"), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.execute(
        f"""
        INSERT INTO imaging_terms (datastore_id, term, study_datetime, image_set_id)
        SELECT t.datastore_id, t.term, s.study_datetime, t.image_set_id
        FROM imaging_terms_old t JOIN {_SETS} s ON s.id = t.image_set_id ORDER BY 1, 2, 3, 4
        """  # noqa: S608 - a constant
    )
    op.drop_table("imaging_terms_old")
    op.create_index("ix_imaging_terms_set", "imaging_terms", ["image_set_id", "term"])
    if op.get_bind().dialect.name == "sqlite":
        _members_without_rowid()
    for name in _SORTS:
        _sorted_by(name)
    _index_of_shown("ix_imaging_sets_modality", ["modality_code", "updated_at", "id"], "")
    for name, column in (
        ("patient", "patient_id"),
        ("accession", "accession_number"),
        ("study_id", "study_id"),
    ):
        index = f"ix_imaging_sets_{name}"
        op.drop_index(index, _SETS)
        op.create_index(index, _SETS, ["datastore_id", column, "updated_at", "id"])


def _members_without_rowid() -> None:
    """Each row once, in the order of its key, instead of in a table and in its index."""
    op.execute("CREATE TABLE imaging_members_old AS SELECT * FROM imaging_members")
    op.drop_table("imaging_members")
    op.create_table(
        "imaging_members",
        sa.Column("image_set_id", sa.String(32), sa.ForeignKey(f"{_SETS}.id"), primary_key=True),
        sa.Column(
            "instance_key",
            sa.String(26),
            sa.ForeignKey("imaging_instances.key"),
            primary_key=True,
        ),
        sa.Column("first_version", sa.Integer, primary_key=True),
        sa.Column("last_version", sa.Integer),
        sa.Column("sop_instance_uid", sa.String(256), nullable=False),
        sqlite_with_rowid=False,
    )
    columns = "image_set_id, instance_key, first_version, last_version, sop_instance_uid"
    op.execute(
        f"INSERT INTO imaging_members ({columns}) "  # noqa: S608 - constants
        f"SELECT {columns} FROM imaging_members_old ORDER BY 1, 2, 3"
    )
    op.drop_table("imaging_members_old")
    op.create_index("ix_imaging_members_instance", "imaging_members", ["instance_key"])


def _sorted_by(column: str) -> None:
    """What is deleted, and what is primary, is not walked through to find what is not."""
    name = f"ix_imaging_sets_{column.removesuffix('_at')}"
    op.drop_index(name, _SETS)
    covered = ["updated_at"] if column == "study_datetime" else []
    _index_of_shown(name, [column, "id", *covered], "")
    _index_of_shown(f"{name}_others", [column, "id"], " AND is_primary IS {}")


def _index_of_shown(name: str, columns: list[str], more: str) -> None:
    where = "state <> 'DELETED'" + more
    op.create_index(
        name,
        _SETS,
        ["datastore_id", *columns],
        sqlite_where=sa.text(where.format("0")),
        postgresql_where=sa.text(where.format("false")),
    )


def downgrade() -> None:
    """The indexes and the terms as they were; members stay as they are, which nobody notices."""
    op.drop_index("ix_imaging_sets_modality", _SETS)
    for column in _SORTS:
        name = f"ix_imaging_sets_{column.removesuffix('_at')}"
        op.drop_index(f"{name}_others", _SETS)
        op.drop_index(name, _SETS)
        op.create_index(name, _SETS, ["datastore_id", column, "id"])
    for name, column in (
        ("patient", "patient_id"),
        ("accession", "accession_number"),
        ("study_id", "study_id"),
    ):
        op.drop_index(f"ix_imaging_sets_{name}", _SETS)
        op.create_index(f"ix_imaging_sets_{name}", _SETS, ["datastore_id", column])
    op.execute("CREATE TABLE imaging_terms_new AS SELECT * FROM imaging_terms")
    op.drop_table("imaging_terms")
    op.create_table(
        "imaging_terms",
        sa.Column("datastore_id", Ordered(32), primary_key=True),
        sa.Column("term", Ordered(64), primary_key=True),
        sa.Column("image_set_id", Ordered(32), sa.ForeignKey(f"{_SETS}.id"), primary_key=True),
    )
    op.execute(
        "INSERT INTO imaging_terms (datastore_id, term, image_set_id) "
        "SELECT datastore_id, term, image_set_id FROM imaging_terms_new"
    )
    op.drop_table("imaging_terms_new")
    op.create_index("ix_imaging_terms_set", "imaging_terms", ["image_set_id"])
