"""The console: pages about the installation itself; and the site, with the pages of every room."""

from iryo.console.site import open_site

__all__ = ["open_site"]
