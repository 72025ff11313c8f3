"""One feature family a file: what a newcomer reads, and adds to.

The registry of all families is `features.FAMILIES`; the README says how to add one.
"""
