"""Token states of prompt and answers, matched against each other.

The door is `features.matching.store.MatchStore`, which reads vectors in the same pass.
"""
