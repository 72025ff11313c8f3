"""Which columns a preference model lives by: what each adds, and what is lost without it.

The doors are `contributions.contributions`, `permutation.Permuting` and `correlated.groups`.
"""
