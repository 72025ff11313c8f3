"""What is wrong with a tower. torch is not imported here."""


class TowerError(ValueError):
    """A tower that cannot be made or read so. The message says why, and the way out."""
