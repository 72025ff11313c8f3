"""How good probabilities are: metrics, intervals over prompts, baselines, style control.

The door is `models.measures.evaluation.evaluate`.
"""
