"""Preference models over the feature frame, their calibration and their measures.

This package reads and writes no files and imports only `features` and `data`.
"""
