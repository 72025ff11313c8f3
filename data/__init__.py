"""Battles: reading, cleaning, groups and folds. Nothing here knows features or models."""
