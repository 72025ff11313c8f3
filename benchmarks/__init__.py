"""What is measured, against whom, by which command; the results stand in README.md.

`quality`: how good predictions are, and what a change did to that. `speed`: time and memory.
`gpu`: all that is owed on a GPU, by one command.
"""
