"""``python -m eventing.schemas [DIR]``: write the JSON schemas, by default to the committed copies."""

import sys
from pathlib import Path

from eventing.schemas import COMMITTED, write

if len(sys.argv) > 2:
    sys.exit("usage: python -m eventing.schemas [DIR]")
directory = Path(sys.argv[1]) if len(sys.argv) == 2 else COMMITTED
print(f"{len(write(directory))} schemas written to {directory}")
