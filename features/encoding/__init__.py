"""A frozen encoder: its files, batches and network, and the vectors that it makes of turns.

The door is `features.encoding.encoder.Encoder`; to families, `features.matching.family`.
"""
