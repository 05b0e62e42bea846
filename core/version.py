"""The version of rabench; setup.cfg reads it here."""

__version__ = "0.2.0"
