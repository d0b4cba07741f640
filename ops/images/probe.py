"""Run by a tree's own interpreter, in its ``/app``: what can be imported there. Only the standard library is used.

Reads ``{"ours": […], "others": […], "forbidden": […]}`` from stdin and writes ``{name: what is wrong}``.
"""

import importlib
import importlib.util
import json
import sys


def import_problem(name: str) -> str:
    try:
        importlib.import_module(name)
    except Exception as error:  # whatever a module raises at import is what has to be told
        return f"{type(error).__name__}: {error}"
    return ""


def is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def main() -> None:
    asked = json.load(sys.stdin)
    problems = {name: problem for name in asked["ours"] if (problem := import_problem(name))}
    problems |= {name: "our code imports it, and it is not there" for name in asked["others"] if not is_there(name)}
    problems |= {name: "must not be there" for name in asked["forbidden"] if is_there(name)}
    json.dump(problems, sys.stdout)


if __name__ == "__main__":
    main()
