"""The commands: one file per group. Nothing here imports torch at module level."""
