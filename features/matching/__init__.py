"""Token states of prompt and answers, matched against each other, and the store of a run.

The door is `features.matching.family.EncoderFamily`, which reads with an
`features.matching.store.EncoderStore`.
"""
