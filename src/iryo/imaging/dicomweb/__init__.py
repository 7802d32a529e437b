"""DICOMweb (PS3.18): QIDO-RS, WADO-RS, STOW-RS and WADO-URI over the imaging room."""

from iryo.imaging.dicomweb.call import BODILESS, Answer, Call, Limits, Route
from iryo.imaging.dicomweb.door import Door, Found, owns

__all__ = ["BODILESS", "Answer", "Call", "Door", "Found", "Limits", "Route", "owns"]
