"""What is kept on disk: the cache for the next run, and what families learned.

The doors are `features.storage.cache.Cache`, whose arrays and segments processes share, and
`features.storage.records`, which writes what families learned as files and reads it back.
"""
