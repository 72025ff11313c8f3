"""What a vote says: the three classes, and their names in messages."""

A, B, TIE = 0, 1, 2
CLASS_NAMES = ("A (winner_model_a)", "B (winner_model_b)", "tie (winner_tie)")
