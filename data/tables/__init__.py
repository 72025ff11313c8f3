"""Tables on disk, CSV, Parquet and JSON, become chunks of cells; nothing here knows battles.

The door is `data.tables.read.read_chunks`; a fault of a file is a `data.tables.chunk.DataError`.
"""
