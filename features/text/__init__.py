"""Formulas on text, the normal form of words, languages, phrases and the lists of them.

The door is `features.text.formulas`: families are written in its formulas.
"""
