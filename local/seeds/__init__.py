"""Two restaurants to try the platform with: the data (YAML) and the loader that writes them."""

from local.seeds.files import SEED_FILES, SeedError
from local.seeds.loader import SeededLine, SeededUser, SeedResult, seed

__all__ = ["SEED_FILES", "SeedError", "SeedResult", "SeededLine", "SeededUser", "seed"]
