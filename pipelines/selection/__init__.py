"""A selection of columns: made in each fold and on all rows, kept step by step, and told.

The door is `pipelines.select.select`.
"""
