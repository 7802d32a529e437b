"""The OHIF viewer beside our own: its package is unpacked here, and served at ``/ohif``."""

from iryo.imaging.ohif.package import TESTED, Installed, fetch, install, installed
from iryo.imaging.ohif.serving import MOUNT, Files, configuration

__all__ = [
    "MOUNT",
    "TESTED",
    "Files",
    "Installed",
    "configuration",
    "fetch",
    "install",
    "installed",
]
