#!/bin/sh
# Removes what setup/install.sh and the first start made for this user: the .venv, and the downloads and the speech
# models in $XDG_CACHE_HOME/alloresto (~/.cache/alloresto), which other clones then download and put together again.
# What callers ordered stays in .alloresto, and Debian packages stay installed.
set -eu
cd "$(dirname "$0")/.."
export HOME="${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}"
for folder in .venv "${XDG_CACHE_HOME:-$HOME/.cache}/alloresto"; do
    [ -e "$folder" ] || continue
    echo "removing $folder ($(du -sm "$folder" | cut -f1) MB)"
    rm -rf "$folder"
done
[ ! -d .alloresto ] || echo "the data stays in .alloresto ($(du -sm .alloresto | cut -f1) MB)"
