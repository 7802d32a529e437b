"""The shell that the pages of all rooms live in: templates, languages, forms, static files."""

from iryo.pages.gate import Gate, Session
from iryo.pages.live import Live, Part
from iryo.pages.page import Found, Furniture, Page, Place
from iryo.pages.site import Rules, Site
from iryo.pages.visit import Visit

__all__ = [
    "Found",
    "Furniture",
    "Gate",
    "Live",
    "Page",
    "Part",
    "Place",
    "Rules",
    "Session",
    "Site",
    "Visit",
]
