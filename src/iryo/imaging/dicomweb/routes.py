"""All transactions of DICOMweb, in one list: the server, the capabilities and the docs read it."""

from typing import Final

from iryo.imaging.dicomweb import delete, qido, stow, wado
from iryo.imaging.dicomweb.call import Route
from iryo.imaging.dicomweb.capabilities import capabilities

__all__ = ["ROUTES"]

_TRANSACTIONS: Final[tuple[Route, ...]] = (
    *qido.ROUTES,
    *wado.ROUTES,
    *stow.ROUTES,
    *delete.ROUTES,
)
ROUTES: Final[tuple[Route, ...]] = (*_TRANSACTIONS, *capabilities(_TRANSACTIONS))
