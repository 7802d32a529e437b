"""Queries by DICOM attributes (PS3.4 C.2.2.2, PS3.18 10.6): one engine for QIDO-RS and C-FIND.

Only primary image sets that are not deleted are seen. Studies and series are read off their own
tables, in which the answers lie ready; instances from the metadata documents of their series.
"""

from iryo.imaging.service.query.engine import ask
from iryo.imaging.service.query.question import Answers, Found, Key, Level, Question

__all__ = ["Answers", "Found", "Key", "Level", "Question", "ask"]
