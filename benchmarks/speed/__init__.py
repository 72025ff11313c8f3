"""How fast it is, and how much memory it takes: ``python -m benchmarks.speed.NAME``.

NAME is `features`, `lexical`, `encoder`, `cross_attention`, `fit` or `scale`; each explains itself
with ``--help``. What is timed against plain loops or scikit-learn must give the same numbers; the
loops lie in `reference`. `deberta` makes the folder of a large encoder with random weights.
"""
