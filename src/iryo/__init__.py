"""iryo (医療): a self-hosted health-AI platform."""

__all__ = ["__version__"]

__version__ = "0.1.0"
