"""The run folder and its files: written aside and renamed, taken up again, checked.

The door is `pipelines.run.folder.UnfinishedRun`.
"""
