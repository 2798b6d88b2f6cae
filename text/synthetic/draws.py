"""Random numbers of the synthetic data sets, the same on any machine and with any version of Python."""

from random import Random


def below(random: Random, limit: int) -> int:
    """A random number from 0 to `limit` - 1."""
    # random() is the only method whose sequence Python promises to keep from version to version.
    return int(random.random() * limit)
