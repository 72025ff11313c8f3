"""What `pipelines.finetune` consists of: settings, files and folds, training, what it leaves.

The door is `pipelines.finetune.finetune`. torch is imported where a tower is trained.
"""
