"""Helpers that more than one notebook of the facial-manipulation course shares."""

__version__ = "0.1.0"
