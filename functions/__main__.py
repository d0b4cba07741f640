"""``python -m functions <name>``: start one function; its name is its module's or its folder's."""

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).parent
USAGE_STATUS = 2


def known() -> dict[str, str]:
    """The module whose ``main`` starts each function."""
    modules = {file.stem: f"functions.{file.stem}" for file in HERE.glob("[!_]*.py")}
    folders = {file.parent.name: f"functions.{file.parent.name}.__main__" for file in HERE.glob("*/__main__.py")}
    return modules | folders


def main(arguments: list[str]) -> None:
    module = known().get(arguments[0]) if len(arguments) == 1 else None
    if module is None:
        asked = " ".join(arguments) or "nothing"
        names = ", ".join(sorted(known()))
        print(f"functions: no function is named {asked!r}; choose one of {names}", file=sys.stderr)
        sys.exit(USAGE_STATUS)
    importlib.import_module(module).main()


if __name__ == "__main__":
    main(sys.argv[1:])
