"""A study: its search space, its storage and slots, and the trials, which cost what they change.

The door is `pipelines.tune.tune`.
"""
