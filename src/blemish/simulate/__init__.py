"""A pouch line in software: scans with exact labels, the embedded default."""
