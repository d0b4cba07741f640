#!/bin/sh
# Locks every extra with hashes for Python 3.11 to 3.13, naming no registry. Run it after a change in pyproject.toml.
set -eu
cd "$(dirname "$0")/.."
lock() { .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
    --no-emit-find-links --no-annotate --no-header "$@"; }
lock requirements/bootstrap.in -o requirements/bootstrap.txt
lock pyproject.toml --extra edge --extra functions --extra google --extra web --extra local-speech --extra local --extra dev \
    -o requirements/dev.txt
lock pyproject.toml --extra edge --extra functions --extra web --extra local-speech --extra local \
    -c requirements/dev.txt -o requirements/local.txt
for side in backup edge functions google site web; do
    lock pyproject.toml --extra "$side" -c requirements/dev.txt -o "requirements/$side.txt"
done
