"""Queries (PS3.18 10.6): QIDO-RS."""

from typing import Final

from iryo.imaging.dicomweb.call import Route

__all__ = ["ROUTES"]

ROUTES: Final[tuple[Route, ...]] = ()
