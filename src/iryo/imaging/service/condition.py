"""What the room knows to be wrong with its own data, as a number."""

from typing import Final

from sqlalchemy import func, select

from iryo.imaging.store import damage
from iryo.store.sql import Database

__all__ = ["DAMAGE_ADVICE", "DAMAGE_FOUND", "open_damage"]

DAMAGE_FOUND: Final = "{count} stored things are known to be damaged, and nobody gets them"
DAMAGE_ADVICE: Final = "`iryo verify --help`; import the originals again, or restore a backup"


def open_damage(database: Database) -> int:
    """How many damaged things have been found and not mended."""
    with database.read() as connection:
        query = select(func.count()).where(damage.c.cleared_at.is_(None))
        return int(connection.execute(query).scalar_one())
