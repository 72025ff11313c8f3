"""The stack: one prediction made of several members' out-of-fold logits.

`members` says what a member gives, `guards` which members are refused. `candidates` are the ways to
blend logits; `nested` fits each of them without folds, `choice` judges them on the folds left out,
and `stack` is what was chosen. The door is `models.stacking.model.StackingModel`, and
`models.stacking.report` tells what each member is worth to it. No file is read or written here.
"""
