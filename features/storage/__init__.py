"""What is kept on disk for the next run: whole arrays, and segments that processes share.

The door is `features.storage.cache.Cache`.
"""
