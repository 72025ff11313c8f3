"""N-grams of words and characters: vocabularies, counts, TF-IDF, and counts made once a run.

The door is `features.ngram.vocabulary.learn`; to families, `features.ngram.counting`.
"""
