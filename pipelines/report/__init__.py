"""What a run tells of itself: on the screen and in ``report.json``.

The door is `pipelines.report.screen`.
"""
