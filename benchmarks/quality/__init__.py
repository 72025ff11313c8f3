"""How good predictions are on real battles, and what a change of the code did to that.

`__main__` is the runner; the literal dicts `FITS` and `STUDIES` name what it can be asked for.
`against` compares two versions, or two sets of run folders, battle by battle.
"""
