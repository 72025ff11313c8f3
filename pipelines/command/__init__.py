"""What all commands share: flags, one line for a fault, a quiet end, progress.

The door is `pipelines.command.flags.run_command`.
"""
