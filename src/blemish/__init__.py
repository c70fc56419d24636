"""Blemish: few defects in, a line-ready inspector out."""

__version__ = "0.1.0"
