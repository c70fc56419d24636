"""Pixel, region and part metrics; picture quality, the feature network passed in."""
