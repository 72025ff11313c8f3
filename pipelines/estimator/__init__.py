"""From a configuration to an estimator: built, cross-fitted, fitted on all rows, read back.

The door is `pipelines.estimator.build.build_pipeline`.
"""
