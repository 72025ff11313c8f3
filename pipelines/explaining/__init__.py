"""One battle explained: found in a file or made of texts, taken apart, and shown.

The door is `pipelines.explain.explain`.
"""
