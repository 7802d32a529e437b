"""C-ECHO (PS3.4 A, PS3.7 9.1.5)."""

from iryo.imaging.dimse.association import Message
from iryo.imaging.dimse.entity import Session
from iryo.imaging.dimse.status import Status

__all__ = ["echo"]


def echo(session: Session, message: Message) -> int:
    """Say that we are here."""
    session.respond(message, Status.SUCCESS)
    return Status.SUCCESS
