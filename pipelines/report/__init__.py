"""What a run tells of itself: in ``report.json`` and on the screen.

The door is `pipelines.report.content`.
"""
