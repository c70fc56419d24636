"""Pictures in and out: formats, size limits, tiling, blending, normalisation, overlays."""
