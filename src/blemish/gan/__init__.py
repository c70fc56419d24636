"""Synthesis: networks, discriminator, losses, training, defect shapes, generation."""
