"""The inspector: HarDNet, losses, training, evaluation, export; the fixed-parameter machine-vision baseline."""
