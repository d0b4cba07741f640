"""Two restaurants to try the platform with: the data (YAML) and the loader that writes them."""

from seeds.files import SEED_FILES, SeedError
from seeds.loader import SeededLine, SeededUser, SeedResult, seed

__all__ = ["SEED_FILES", "SeedError", "SeedResult", "SeededLine", "SeededUser", "seed"]
