"""``python -m functions <name>``: start one function; its name is its folder's."""

import runpy
import sys
from pathlib import Path

USAGE_STATUS = 2


def known() -> list[str]:
    return sorted(main.parent.name for main in Path(__file__).parent.glob("*/__main__.py"))


def main(arguments: list[str]) -> None:
    if len(arguments) != 1 or arguments[0] not in known():
        asked = " ".join(arguments) or "nothing"
        print(f"functions: no function is named {asked!r}; choose one of {', '.join(known())}", file=sys.stderr)
        sys.exit(USAGE_STATUS)
    runpy.run_module(f"functions.{arguments[0]}", run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
