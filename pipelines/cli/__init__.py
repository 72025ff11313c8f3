"""One thin module a command: its flags, read and handed to the function that does the work.

What takes seconds to import is imported in ``run``: a wrong flag and ``--help`` are told at once.
The door is `pipelines.command.launcher`.
"""
