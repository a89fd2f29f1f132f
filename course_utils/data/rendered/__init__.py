"""Rendered talking heads: people who do not exist, filmed with the ground truth that real footage lacks."""
