"""Preference models over the feature frame, their calibration and their measures.

This package reads and writes no files and imports only `features` and `data`. Its words, and those
of the packages beneath it:

battle
    One vote: a prompt, two answers, and A, B or tie (`data.battles`).
turn
    One message of a conversation: prompt and answers are lists of turns.
group
    The battles of one prompt, which stay together on one side of every split; a hash of it.
source
    Where a row is from: ``plain`` rows are what is predicted and measured, ``extra`` ones were
    drawn by another rule; they are learned from, and never scored.
head
    A question put to a model (A or B? a tie or not?), with its rows and algebra (`models.heads`).
learner
    Settings of a kind of model, such as boosted trees; its ``fit`` gives a model
    (`models.learners.contract`).
member
    A learner that takes part in a preference model, under its name; the members' logits are
    averaged.
part
    A head of a member, with one of its seeds: what one fitted model answers for (`models.parts`).
fit
    One training of a part: without an inner fold, to choose its complexity, or on all rows.
"""
