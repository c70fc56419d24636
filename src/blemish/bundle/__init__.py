"""A frozen inspector or generator on disk: card, hashes, OpenVINO."""
