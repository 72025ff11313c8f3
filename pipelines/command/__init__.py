"""What all commands share: a launcher, flags, one line for a fault, a quiet end, progress.

The door is `pipelines.command.launcher`, which has the table of commands.
"""
