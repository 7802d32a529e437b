"""The installation behind boto3 that the imaging room's tests have."""

from tests.imaging.conftest import site

__all__ = ["site"]
