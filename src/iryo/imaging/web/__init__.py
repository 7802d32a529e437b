"""The room's door for people: pages about studies, their images and imports."""

from iryo.imaging.web.table import furniture

__all__ = ["furniture"]
