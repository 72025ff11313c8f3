"""What is kept on disk for the next run: whole arrays, and chunks that processes share.

The door is `features.storage.cache.Cache`.
"""
