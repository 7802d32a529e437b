"""All transactions of DICOMweb, in one list: the server, the capabilities and the docs read it."""

from typing import Final

from iryo.imaging.dicomweb import qido, stow, wado
from iryo.imaging.dicomweb.call import Route

__all__ = ["ROUTES"]

ROUTES: Final[tuple[Route, ...]] = (*qido.ROUTES, *wado.ROUTES, *stow.ROUTES)
