"""The default preset: defects painted on a surface and composed with it."""
