"""What is learned from votes: sparse linear scores, strengths of models, who wrote an answer.

The door is `features.votes.sparse_logistic.cross_fit`, whose scores are out of fold.
"""
