"""Reports people look at: self-contained HTML."""
