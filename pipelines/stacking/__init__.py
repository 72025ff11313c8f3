"""What a stack consists of: its sources, their tables by id, the work, and what predicts with it.

The doors are `pipelines.stacking.work.stack_sources` and `pipelines.stacking.predictor.load_stack`.
"""
