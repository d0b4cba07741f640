"""The Debian packages that a target installs, as far as it can be told without Docker: by this machine's package lists,
and by the files of those packages that are installed here. A machine that is no Debian, or has no lists, tells nothing;
one of another release tells of names and files, and not of versions.
"""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template

from ops.images.dockerfile import Dockerfile
from ops.images.tree import Tree

ASKED_WITHIN_S = 30.0
OS_RELEASE = Path("/etc/os-release")
# What is started by name, and the file that says what it loads.
PROGRAMS = {"edge": ("kamailio", "edge_bridge/entrances/sip/kamailio/kamailio.cfg")}

_MODULE = re.compile(r'^\s*loadmodule "([\w-]+\.so)"', re.MULTILINE)
_CODENAME = re.compile(r"^VERSION_CODENAME=(\w+)$", re.MULTILINE)

Wanted = Mapping[str, str]
"""The packages' names with the pattern of their version, "" for any."""


def wanted(dockerfile: Dockerfile, target: str) -> dict[str, str]:
    """What ``target``'s lines have apt-get install."""
    arguments: dict[str, str] = {}
    found: dict[str, str] = {}
    for one in dockerfile.instructions(target):
        if one.keyword == "ARG":
            arguments |= one.pairs
        for command in one.commands if one.keyword == "RUN" else ():
            if command[:2] == ["apt-get", "install"]:
                named = [Template(word).safe_substitute(arguments) for word in command[2:] if not word.startswith("-")]
                found |= {name: version for name, _, version in (word.partition("=") for word in named)}
    return found


def problems(tree: Tree, packages: Wanted, base: str) -> Iterator[str]:
    """What is wrong with the packages of a tree that is to stand on the image ``base``, one line each."""
    if shutil.which("apt-cache") is None or not _versions("dpkg"):
        return
    is_release = _release() in base
    for name, pattern in packages.items():
        versions = _versions(name)
        if not versions:
            yield f"{name}: Debian has no package of this name"
        elif is_release and pattern and not fnmatch.filter(versions, pattern):
            yield f"{name}={pattern}: Debian {_release()} has {', '.join(versions)}"
    if tree.target in PROGRAMS:
        yield from _missing(tree, packages, *PROGRAMS[tree.target])


def _missing(tree: Tree, packages: Wanted, program: str, configuration: str) -> Iterator[str]:
    """Of a program and the modules that its configuration loads, what no package holds."""
    files = [_files(name) for name in packages]
    if not all(files):
        return  # not installed here: nobody knows what is in it
    held = {Path(file).name for one in files for file in one}
    for needed in (program, *_MODULE.findall((tree.app / configuration).read_text())):
        if needed not in held:
            yield f"{needed}: in none of the packages {', '.join(packages)}"


def _versions(name: str) -> list[str]:
    """In this machine's lists."""
    lines = (line.split("|") for line in _said("apt-cache", "madison", name))
    return list(dict.fromkeys(parts[1].strip() for parts in lines if len(parts) > 2 and parts[0].strip() == name))


def _files(name: str) -> list[str]:
    """Of an installed package; none of one that is not."""
    return _said("dpkg-query", "--listfiles", name)


def _release() -> str:
    found = _CODENAME.search(OS_RELEASE.read_text()) if OS_RELEASE.exists() else None
    return found[1] if found else "unknown"


def _said(*argv: str) -> list[str]:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=ASKED_WITHIN_S, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else []
