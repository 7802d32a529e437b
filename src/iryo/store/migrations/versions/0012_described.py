"""Studies are found by the words of their description, too.

Revision ID: 0012
Revises: 0011
"""

import unicodedata
from functools import lru_cache

import sqlalchemy as sa
from alembic import op

from iryo.store.sql import Ordered

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_AT_ONCE = 5_000
_LONGEST = 64  # characters of a term
_MOST = 512  # terms of an image set
_KATAKANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}
_SEPARATORS = {ord(char): " " for char in "^=,;・.\\/()[]'\"　"}


def upgrade() -> None:
    """Write what terms the descriptions of image sets have, as the model of that time has it."""
    _fill(op.get_bind())


def _fill(connection: sa.Connection) -> None:
    sets = sa.table(
        "imaging_image_sets",
        sa.column("id", Ordered(32)),
        sa.column("datastore_id", Ordered(32)),
        sa.column("study_datetime", Ordered(32)),
        sa.column("study_description", sa.Text),
        sa.column("state", Ordered(16)),
    )
    # An image set may have a term already, from the name or an id.
    insert = sa.text(
        "INSERT INTO imaging_terms (datastore_id, term, study_datetime, image_set_id)"
        " VALUES (:store, :term, :at, :id) ON CONFLICT DO NOTHING"
    )
    last = ""
    while True:
        page = connection.execute(
            sa.select(
                sets.c.id, sets.c.datastore_id, sets.c.study_datetime, sets.c.study_description
            )
            .where(sets.c.id > last, sets.c.state != "DELETED")
            .order_by(sets.c.id)
            .limit(_AT_ONCE)
        ).all()
        rows = [
            {"store": store, "term": term, "at": at, "id": id_}
            for id_, store, at, description in page
            for term in _terms(description or "")
        ]
        if rows:
            connection.execute(insert, rows)
        if len(page) < _AT_ONCE:
            return
        last = page[-1].id


@lru_cache(20_000)
def _terms(text: str) -> tuple[str, ...]:
    """Its words, and of ideographs and kana all their ends."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(c for c in decomposed if not unicodedata.combining(c) or c in "\u3099\u309a")
    folded = unicodedata.normalize("NFC", kept).translate(_KATAKANA)
    found = set()
    for word in folded.translate(_SEPARATORS).split():
        cut = word[:_LONGEST]
        found |= {cut} | {cut[at:] for at in range(1, len(cut)) if ord(cut[at]) >= 0x2E80}
    return tuple(sorted(found))[:_MOST]


def downgrade() -> None:
    """They may stay: nobody looks for words that only they have, and new versions lose them."""
