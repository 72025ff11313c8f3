"""Generated battles whose true probabilities are known: ``python -m data.synthetic``.

The door is `data.synthetic.generate.write_battles`.
"""
