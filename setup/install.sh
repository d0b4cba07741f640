#!/bin/sh
# Installs what AlloResto needs on Debian or Ubuntu and says so: a .venv in this folder with hash-locked
# packages, and Debian packages only where something is missing and only with permission.
#
#   setup/install.sh local     what `make demo` and `make up` need
#   setup/install.sh dev       the same, with the tools and the browser that `make test` needs
#
# Permission for Debian packages: the answer at the prompt, or ALLORESTO_APT=yes, or CI=true.
set -eu
cd "$(dirname "$0")/.."
profile="${1:-local}"
case "$profile" in local | dev) ;; *) echo "usage: setup/install.sh local|dev" >&2; exit 2 ;; esac

say() { printf '  %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

find_python() {
    for candidate in python3.12 python3.11 python3; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

install_debian() {
    command -v apt-get >/dev/null || fail "missing: $*. Install them with your system's package manager."
    sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo"
    if [ "${ALLORESTO_APT:-}" != yes ] && [ "${CI:-}" != true ]; then
        [ -t 0 ] || fail "missing Debian packages: $*. Run: $sudo apt-get install $*  (or set ALLORESTO_APT=yes)"
        printf 'Install the Debian packages %s? [y/N] ' "$*"
        read -r answer
        case "$answer" in y | Y | yes) ;; *) fail "not installed: $*" ;; esac
    fi
    say "installing Debian packages: $*"
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

python="$(find_python)"
[ -n "$python" ] || { install_debian python3 python3-venv; python="$(find_python)"; }
[ -n "$python" ] || fail "Python 3.11 or 3.12 is needed; $(python3 --version 2>&1) is here"
"$python" -c 'import ensurepip, venv' 2>/dev/null || install_debian python3-venv
if [ "$profile" = dev ] && ! [ -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
    install_debian chromium
fi
if [ "$profile" = dev ] && ! command -v faketime >/dev/null; then
    install_debian faketime
fi

if ! [ -x .venv/bin/python ]; then
    say "making .venv with $("$python" --version)"
    "$python" -m venv .venv
fi
stamp=".venv/.installed-$profile"
wanted="$(cat pyproject.toml requirements/bootstrap.txt "requirements/$profile.txt" setup/install.sh | cksum)"
if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    say "Python packages: up to date"
    exit 0
fi
say "installing the Python packages of requirements/$profile.txt into .venv (about 1.3 GB with the speech models)"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
.venv/bin/uv pip install --python .venv/bin/python --require-hashes --compile-bytecode -r "requirements/$profile.txt"
.venv/bin/uv pip install --python .venv/bin/python --quiet --no-deps --no-build-isolation \
    --config-settings editable_mode=compat --editable .
printf '%s' "$wanted" >"$stamp"
say "installed"
