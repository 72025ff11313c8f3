"""Columns in which NaN is a value: what is not known of models, which 0 would call equal."""

MISSING = [f"names__{name}_diff" for name in ("strength", "adjusted", "head_to_head")]
