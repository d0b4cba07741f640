#!/bin/sh
# Installs what AlloResto needs on Debian or Ubuntu and says so: a .venv in this folder with hash-locked packages, and
# Debian packages only where something is missing and only with permission.
#
#   setup/install.sh local     the command ./alloresto with everything it can do
#   setup/install.sh dev       the same, with the tools and the browser that `make test` needs
#   … --sip                    only with a Python that the SIP stack has a wheel for: 3.11 or 3.12
#
# Permission for Debian packages: the answer at the prompt, or ALLORESTO_APT=yes, or CI=true.
# Downloads are kept in $XDG_CACHE_HOME/alloresto (~/.cache/alloresto); `make clean` removes them with the .venv.
set -eu
cd "$(dirname "$0")/.."

# MB that have to be free where .venv is made. Measured: 1,070 and 1,520 with the downloads, which .venv shares as hard
# links; the first demo adds 230 of models, put together from their packages, and 60 of data.
NEEDED_local=1600 NEEDED_dev=2000
# The same for the downloads and the models, where the cache is on another disk: 1,150 and 1,580 were measured.
KEPT_local=1300 KEPT_dev=1700

say() { printf '  %s\n' "$*"; }
fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '       %s\n' "$line" >&2; done
    exit 1
}

usage() { echo "usage: setup/install.sh local|dev [--sip]" >&2; exit 2; }

# Prints the first Python whose version is from $1 up to, but without, $2.
find_python() {
    for candidate in python3.12 python3.11 python3 python3.13; do
        if "$candidate" -c "import sys; sys.exit(not ($1) <= sys.version_info[:2] < ($2))" 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

choose_python() {
    python="$(find_python '3, 11' '3, 13')"
    [ -z "$python" ] || return 0
    python="$(find_python '3, 13' "$below")"
    if [ -n "$python" ]; then
        say "$("$python" --version): everything but calls, since the SIP stack (pjsua2) has no wheel for it"
        return
    fi
    if ! command -v python3 >/dev/null; then
        install_debian python3 python3-venv
        command -v python3 >/dev/null || fail "python3 was installed and is not on the PATH: $PATH"
        choose_python
        return
    fi
    here="$(python3 --version 2>&1)"
    case "$here" in
        "Python 3.13."*)
            fail "$here is here, and the SIP stack (pjsua2) has no wheel for it: calls need Python 3.11 or 3.12." \
                "Put python3.12 on the PATH (uv python install 3.12, or pyenv install 3.12) and run this again." \
                "Everything else works with 3.13: setup/install.sh local, then ./alloresto --help" ;;
        *)
            fail "$here is here, and AlloResto needs 3.11 or 3.12 (3.13 without SIP)." \
                "Put python3.12 on the PATH (uv python install 3.12, or pyenv install 3.12) and run this again." ;;
    esac
}

install_debian() {
    permit_debian "$@"
    add_debian "$@"
}

# Ends the script unless the packages may be installed; afterwards $as_root says how.
permit_debian() {
    command -v apt-get >/dev/null || fail "missing: $*. Install them with your system's package manager."
    as_root=""
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "missing Debian packages: $*" \
            "You are not root and there is no sudo here. Ask an administrator to run: apt-get install $*"
        as_root="sudo"
    fi
    if [ "${ALLORESTO_APT:-}" != yes ] && [ "${CI:-}" != true ]; then
        [ -t 0 ] || fail "missing Debian packages: $*" \
            "Run: $as_root apt-get install $*   or let this script do it: ALLORESTO_APT=yes"
        printf 'Install the Debian packages %s? [y/N] ' "$*"
        read -r answer || { answer=""; echo; } # Ctrl-D
        case "$answer" in
            [Yy] | [Yy][Ee][Ss]) ;;
            *) fail "not installed: $*" "Nothing was changed. Answer y, or run: $as_root apt-get install $*" ;;
        esac
    fi
}

add_debian() {
    say "installing Debian packages: $*"
    { $as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
        $as_root apt-get install -y -qq --no-install-recommends "$@" >/dev/null; } ||
        fail "apt-get could not install: $*" "What it said is above. When that is mended, run this again."
}

# Installs the Debian packages $2…, which bring the services $1 (with blanks between). Masked before that, none of them
# ever runs: Kamailio's would take the port that a node of ours needs, and a node starts Kamailio itself.
install_without_service() {
    services="$1"
    shift
    permit_debian "$@"
    for service in $services; do
        unit="/etc/systemd/system/$service.service"
        if [ -d "${unit%/*}" ] && ! [ -e "$unit" ]; then
            $as_root ln -s /dev/null "$unit" || fail "$unit could not be made: see above"
        fi
    done
    add_debian "$@"
}

has_kamailio() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v kamailio >/dev/null; }

# Free space, in MB, on the disk that holds $1.
free_mb() { df -Pk "$1" | awk 'NR == 2 { print int($4 / 1024) }'; }

require_folders() {
    owner="$(stat -c %U .)"
    [ -w . ] || fail "$PWD belongs to $owner and you are $(id -un): work in a clone of your own."
    for folder in .venv .alloresto; do
        if [ -e "$folder" ] && ! [ -w "$folder" ]; then
            fail "$PWD/$folder belongs to $(stat -c %U "$folder") and you are $(id -un)." \
                "Remove it as $(stat -c %U "$folder"), or work in a clone of your own."
        fi
    done
    mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] || fail "$cache can't be written by $(id -un)." \
        "Name a folder that can: XDG_CACHE_HOME=/folder/of/yours, for this and for every ./alloresto after it."
}

# Postgres refuses to be root. As root it runs as nobody, who must be able to come here, or in a user namespace.
require_postgres_user() {
    [ "$(id -u)" = 0 ] || return 0
    folder="$PWD"
    while [ "$folder" != / ]; do
        case "$(stat -c %A "$folder")" in *[xt]) ;; *) closed="$folder" ;; esac
        folder="$(dirname "$folder")"
    done
    case "$(umask)" in *[1357]) closed="$PWD/.venv (made with umask $(umask))" ;; esac
    [ -n "${closed:-}" ] || return 0
    unshare --user true 2>/dev/null || fail "Postgres may not run as root, $closed is closed to other users," \
        "and there are no user namespaces here. Clone to a folder outside of it, or run as another user."
}

require_space() {
    eval "needed=\$NEEDED_$profile kept=\$KEPT_$profile"
    free="$(free_mb .)"
    [ "$free" -ge "$needed" ] || fail "$free MB are free on the disk of $PWD; the install needs $needed MB." \
        "Free some, or clone to another disk. Then run this again: it starts anew."
    ! on_one_disk || return 0
    free="$(free_mb "$cache")"
    [ "$free" -ge "$kept" ] || fail "$free MB are free on the disk of $cache; downloads need $kept MB there." \
        "Free some, or name another folder: XDG_CACHE_HOME=/folder/of/yours"
}

# Then the downloads in the cache and the files in .venv are the same ones.
on_one_disk() { [ "$(stat -c %d .)" = "$(stat -c %d "$cache")" ]; }

# Whether .venv holds everything of this profile, by the stamp that only a finished install leaves.
up_to_date() {
    usable_venv || return 1
    for done_profile in "$profile" dev; do
        [ "$(cat ".venv/.installed-$done_profile" 2>/dev/null)" != "$(fingerprint "$done_profile")" ] || return 0
    done
    return 1
}

fingerprint() { cat requirements/bootstrap.txt "requirements/$1.txt" setup/install.sh | cksum; }

usable_venv() {
    .venv/bin/python -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < ($below))" 2>/dev/null
}

# Leaves either a .venv that was whole once or none: without a stamp an install was cut short, and the installer would
# take a package that is half there for a whole one.
clear_unfinished() {
    if usable_venv && ls .venv/.installed-* >/dev/null 2>&1; then return; fi
    [ ! -e .venv ] || say "removing the .venv: it was not finished, or its Python is another one now"
    rm -rf .venv
    require_space
}

install_packages() {
    if ! [ -e .venv ]; then
        say "making .venv with $("$python" --version)"
        "$python" -m venv .venv
    fi
    rm -f .venv/.installed-*
    on_one_disk || export UV_LINK_MODE="${UV_LINK_MODE:-copy}"
    say "installing the packages of requirements/$profile.txt into .venv (up to 1.5 GB with the speech models)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes \
        -r requirements/bootstrap.txt
    .venv/bin/uv pip install --python .venv/bin/python --require-hashes --compile-bytecode \
        -r "requirements/$profile.txt"
    # Our own packages are this folder. A relative path, because Python reads .pth files in the locale's encoding and
    # under LC_ALL=C an accent in an absolute one would keep it from starting.
    site="$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
    echo ../../../.. >"$site/alloresto.pth"
}

main() {
    profile="${1:-}"
    case "$profile" in local | dev) ;; *) usage ;; esac
    case "${2:-}" in "") below="3, 14" ;; --sip) below="3, 13" ;; *) usage ;; esac
    export HOME="${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}"
    cache="${XDG_CACHE_HOME:-$HOME/.cache}/alloresto"
    export UV_CACHE_DIR="${UV_CACHE_DIR:-$cache/packages}"

    choose_python
    require_folders
    require_postgres_user
    "$python" -c 'import ensurepip, venv' 2>/dev/null || install_debian "$python-venv"
    if [ "$profile" = dev ] && ! [ -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
        install_debian chromium
    fi
    if [ "$profile" = dev ] && ! command -v faketime >/dev/null; then
        install_debian faketime # the tests run on another day, too
    fi
    if [ "$profile" = dev ] && ! has_kamailio; then
        install_without_service kamailio kamailio kamailio-tls-modules # the tests let it stand before a node
    fi
    if [ "$profile" = dev ] && ! { command -v promtool && command -v amtool; } >/dev/null; then
        # They look at the alerts' rules and routes; the tests start the servers themselves.
        install_without_service "prometheus prometheus-alertmanager" prometheus prometheus-alertmanager
    fi
    if up_to_date; then
        say "Python packages: up to date"
        return
    fi
    clear_unfinished
    trap 'echo "error: the install did not finish. Mend what is said above and run it again: it starts anew" >&2' EXIT
    install_packages
    trap - EXIT
    fingerprint "$profile" >".venv/.installed-$profile"
    say "installed"
}

main "$@"
