"""``python -m data.synthetic``: generate battles with known probabilities."""

from data.synthetic.generate import main

if __name__ == "__main__":
    main()
