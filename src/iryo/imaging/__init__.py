"""Imaging: DICOM in, versioned image sets out. Counterpart: AWS HealthImaging."""

__all__: list[str] = []
