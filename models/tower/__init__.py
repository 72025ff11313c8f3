"""A transformer fine-tuned on battles, and its logits.

The door is `models.tower.training.train`; what it gives is a `models.tower.tower.Tower`.
"""
