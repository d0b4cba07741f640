#!/bin/sh
# AlloResto on one server, up to 30 calls, as services of systemd. As root, on Debian 12 or Ubuntu 24.04, from a clone:
#
#   setup/site/install.sh                    installs or upgrades, and starts; may be run again at any time
#   setup/site/install.sh --root DIR         the same files beneath DIR: installs no package, makes no user, starts nothing
#   setup/site/install.sh --venv DIR         the Python packages of another folder: none are downloaded
#
# It never changes a file of /etc/alloresto that is there, keys and passwords least of all.
set -eu
umask 022
here="$(cd "$(dirname "$0")" && pwd)"
source="$(cd "$here/../.." && pwd)"
NEEDED_MB=3000
USERS="alloresto-edge alloresto-functions alloresto-web"
OWN_GROUP="alloresto-redis alloresto-tls alloresto-backup"
PACKAGES="process domain cluster stores eventing protocols integrations edge_bridge functions web backups"
SIDES="edge functions web backup local"
BESIDE="ops devstack seeds cli evaluation bench softphone synthetic_caller voices manifests docs"
root="" venv=""

say() { printf '\302\267 %s\n' "$1"; }
fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    for hint in "$@"; do printf '       %s\n' "$hint" >&2; done
    exit 1
}

options() {
    while [ $# -gt 0 ]; do
        case "$1" in
            --root | --venv)
                [ $# -gt 1 ] && [ -d "$2" ] || fail "$1 needs a folder that is there"
                if [ "$1" = --root ]; then root="$(cd "$2" && pwd)"; else venv="$(cd "$2" && pwd)"; fi
                shift 2
                ;;
            *) fail "unknown option $1" "setup/site/install.sh [--root DIR] [--venv DIR]" ;;
        esac
    done
    etc="$root/etc/alloresto" opt="$root/opt/alloresto" units="$root/etc/systemd/system"
}

require_server() {
    [ -z "$root" ] || return 0
    [ "$(id -u)" = 0 ] || fail "this needs root: it makes users and services" "sudo setup/site/install.sh"
    # shellcheck disable=SC1091
    . /etc/os-release
    case "$ID-$VERSION_ID" in
        debian-12) python=python3.11 ;;
        ubuntu-24.04) python=python3.12 ;;
        *) fail "this is $PRETTY_NAME; the SIP stack has wheels for Python 3.11 and 3.12 alone" \
            "Take Debian 12 or Ubuntu 24.04, or the containers: setup/site/compose.yaml" ;;
    esac
    [ "$(uname -m)" = x86_64 ] || fail "this is $(uname -m); the SIP stack has wheels for x86_64 alone"
    [ -d /run/systemd/system ] || fail "systemd does not run here" "In a container take setup/site/compose.yaml"
    free="$(df -Pk /opt | awk 'NR == 2 { print int($4 / 1024) }')"
    [ "$free" -ge "$NEEDED_MB" ] || fail "$free MB are free below /opt; this needs $NEEDED_MB MB"
    memory="$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)"
    [ "$memory" -ge 3500 ] || fail "$memory MB of memory; 4 GB carry a few calls, 8 GB thirty"
}

debian_packages() {
    [ -z "$root" ] || return 0
    wanted="postgresql redis-server caddy nftables openssl $python-venv"
    missing=""
    for package in $wanted; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || { say "Debian packages: there"; return 0; }
    # Their own services would take ports 6379, 80 and 443; ours have units of their own. One that already runs is left.
    for service in redis-server caddy; do
        case "$missing" in *" $service"*) systemctl mask --quiet "$service.service" ;; esac
    done
    say "installing Debian packages:$missing"
    { apt-get update -qq && # shellcheck disable=SC2086
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null; } ||
        fail "apt-get could not install:$missing" "What it said is above. Mend that and run this again."
}

users() {
    [ -z "$root" ] || return 0
    getent group alloresto >/dev/null || groupadd --system alloresto
    for name in $USERS; do
        getent passwd "$name" >/dev/null ||
            useradd --system --gid alloresto --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$name"
    done
    for name in $OWN_GROUP; do
        getent passwd "$name" >/dev/null ||
            useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$name"
    done
    say "users: one for each part"
}

# The new tree is whole before it takes the old one's place; processes that run keep the files they have.
code() {
    mkdir -p "$opt"
    rm -rf "$opt/app.new"
    mkdir "$opt/app.new"
    (cd "$source" && tar cf - --exclude=__pycache__ $PACKAGES $BESIDE alloresto) | tar xf - --no-same-owner -C "$opt/app.new"
    rm -rf "$opt/app.old"
    [ ! -e "$opt/app" ] || mv "$opt/app" "$opt/app.old"
    mv "$opt/app.new" "$opt/app"
    say "code: $opt/app (the release before: app.old)"
}

# The installer's lock and those that are installed: a tool of developers alone downloads nothing here.
stamp_of_packages() {
    (cd "$source/requirements" && for side in bootstrap $SIDES; do cat "$side.txt"; done) | cksum
}

# Finished packages leave a stamp of the lock files; an install that was cut short leaves none and starts anew.
python_packages() {
    mkdir -p "$opt"
    if [ -n "$venv" ]; then
        rm -rf "$opt/venv" && ln -s "$venv" "$opt/venv"
        say "Python packages: those of $venv"
        return 0
    fi
    locks=""
    for side in $SIDES; do locks="$locks -r $source/requirements/$side.txt"; done
    stamp="$(stamp_of_packages)"
    if [ "$(cat "$opt/venv/.installed" 2>/dev/null)" = "$stamp" ]; then
        say "Python packages: up to date"
        return 0
    fi
    say "installing the Python packages, locked by hash (a few minutes the first time)"
    rm -rf "$opt/venv.new"
    "${python:-python3}" -m venv "$opt/venv.new" ||
        fail "no virtual environment could be made" "What Python said is above."
    "$opt/venv.new/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes \
        -r "$source/requirements/bootstrap.txt" || fail "the installer could not be fetched" "What pip said is above."
    # shellcheck disable=SC2086
    "$opt/venv.new/bin/uv" pip install --quiet --python "$opt/venv.new/bin/python" --require-hashes \
        --compile-bytecode $locks || fail "the packages could not be fetched" "What uv said is above. Run this again."
    # Scripts name their interpreter by its path.
    sed -i "1s|$opt/venv.new|$opt/venv|" "$opt"/venv.new/bin/*
    echo "$stamp" >"$opt/venv.new/.installed"
    rm -rf "$opt/venv.old"
    [ ! -e "$opt/venv" ] || mv "$opt/venv" "$opt/venv.old"
    mv "$opt/venv.new" "$opt/venv"
}

compile() {
    # python3: Debian's own, which --venv /usr names, has no other name.
    (cd "$opt/app" && "$opt/venv/bin/python3" -m compileall -q $PACKAGES ops devstack) ||
        fail "the code does not compile" "What Python said is above."
}

# A file that is there stays as it is.
keep() {
    [ -e "$2" ] || install -D -m "$3" "$1" "$2"
}

# Hex: nothing in it means anything to a shell, a URL, systemd or Docker.
word() { openssl rand -hex 24; }
key() { openssl rand -base64 32; }

secret() {
    [ ! -e "$etc/secrets/$1" ] || return 0
    (umask 077 && cat >"$etc/secrets/$1.new" && mv "$etc/secrets/$1.new" "$etc/secrets/$1")
}

# Made together, since URLs hold the passwords: interrupted, the next run makes those that are missing anew, all of them.
secrets() {
    mkdir -p "$etc" && chmod 755 "$etc"
    (umask 077 && mkdir -p "$etc/secrets")
    if [ -e "$etc/secrets/complete" ]; then
        say "secrets: kept"
        return 0
    fi
    [ ! -e "$etc/secrets/keys.env" ] || fail "$etc/secrets is not complete" \
        "An install was cut short. If nothing was ever stored with its keys, remove the folder and run this again."
    app="$(word)" platform="$(word)" backup="$(word)" owner="$(word)" redis="$(word)"
    at=127.0.0.1:5432/alloresto
    secret app.env <<EOF
DATABASE_URL=postgresql://alloresto_app:$app@$at
EOF
    secret platform.env <<EOF
PLATFORM_DATABASE_URL=postgresql://alloresto_platform:$platform@$at
EOF
    secret owner.env <<EOF
MIGRATE_DATABASE_URL=postgresql://alloresto_owner:$owner@$at
APP_DATABASE_PASSWORD=$app
PLATFORM_DATABASE_PASSWORD=$platform
BACKUP_DATABASE_PASSWORD=$backup
EOF
    secret redis.env <<EOF
REDIS_URL=redis://:$redis@127.0.0.1:9108/0
EOF
    sed "s/CHANGE-ME/$redis/" "$here/etc/redis.conf" | secret redis.conf
    secret web.env <<EOF
WEB_SECRET_KEY=$(word)
EOF
    secret speech.env <<EOF
# The speech engine's key, and its address where it is not OpenAI's own.
OPENAI_API_KEY=CHANGE-ME
OPENAI_BASE_URL=
EOF
    secret backup.env <<EOF
BACKUP_DATABASE_URL=postgresql://alloresto_backup:$backup@$at
BACKUP_KEY=$(key)
# A bucket at another provider: list, get, put and delete in it, and nothing else.
BACKUP_S3_ENDPOINT=CHANGE-ME
BACKUP_S3_REGION=us-east-1
BACKUP_S3_BUCKET=CHANGE-ME
BACKUP_S3_ACCESS_KEY=CHANGE-ME
BACKUP_S3_SECRET_KEY=CHANGE-ME
EOF
    # For the containers of compose.yaml, whose Postgres begins with it.
    secret postgres.env <<EOF
POSTGRES_USER=alloresto_owner
POSTGRES_PASSWORD=$owner
POSTGRES_DB=alloresto
EOF
    secret keys.env <<EOF
MASTER_KEY=$(key)
EOF
    secret complete </dev/null
    say "secrets: made in $etc/secrets; keep a copy of keys.env and backup.env apart from this server"
}

settings() {
    for name in edge.env web.env functions.env tls.env Caddyfile firewall.nft; do
        [ ! -e "$etc/$name" ] || continue
        keep "$here/etc/$name" "$etc/$name" 644
        [ "$name" != firewall.nft ] || allow_ssh "$etc/$name"
    done
    say "settings: $etc/*.env"
}

# A firewall that shuts out whoever installs it helps nobody: SSH stays open on the ports that it has.
allow_ssh() {
    [ -z "$root" ] || return 0
    ports="$(sshd -T 2>/dev/null | awk '$1 == "port" { print $2 }' | paste -sd, -)"
    [ -z "$ports" ] || sed -i "s/tcp dport { 22 }/tcp dport { $ports }/" "$1"
}

unit_files() {
    for file in "$here"/systemd/*.service "$here"/systemd/*.timer "$here"/systemd/*.target "$here"/systemd/*.slice; do
        install -D -m 644 "$file" "$units/${file##*/}"
    done
    install -D -m 644 "$here/systemd/alloresto-.service.d/sandbox.conf" "$units/alloresto-.service.d/sandbox.conf"
    [ -n "$root" ] || systemctl daemon-reload
    say "units: $units/alloresto*"
}

database() {
    [ -z "$root" ] || return 0
    systemctl start postgresql || fail "Postgres does not start" "journalctl -u postgresql"
    owner="$(sed -n 's|^MIGRATE_DATABASE_URL=postgresql://alloresto_owner:\([^@]*\)@.*|\1|p' "$etc/secrets/owner.env")"
    as_postgres() { (cd / && runuser -u postgres -- psql -qAt --set ON_ERROR_STOP=1 "$@"); }
    # By stdin: a password in an argument is in the list of processes. A superuser: it gives backups their role.
    if [ -z "$(as_postgres -c "select 1 from pg_roles where rolname = 'alloresto_owner'")" ]; then
        echo "create role alloresto_owner login superuser password '$owner'" | as_postgres ||
            fail "the database's owner could not be made" "What Postgres said is above."
    fi
    [ -n "$(as_postgres -c "select 1 from pg_database where datname = 'alloresto'")" ] ||
        as_postgres -c "create database alloresto owner alloresto_owner" ||
        fail "the database could not be made" "What Postgres said is above."
    systemctl restart alloresto-migrate || fail "the database could not be migrated" "journalctl -u alloresto-migrate"
    say "database: at this release's schema"
}

start() {
    [ -z "$root" ] || { say "installed beneath $root; nothing was started"; return 0; }
    nft -c -f "$etc/firewall.nft" || fail "$etc/firewall.nft is refused by nft" "Mend it and run this again."
    said="$(SITE_HOST=localhost caddy validate --config "$etc/Caddyfile" --adapter caddyfile 2>&1)" ||
        fail "$etc/Caddyfile is refused by Caddy" "$said" "Mend it and run this again."
    systemctl enable --quiet alloresto.target
    systemctl start alloresto.target
    # What runs gets the new code: the bridge last, since it waits for its calls.
    for unit in functions relay web edge; do
        say "restarting alloresto-$unit"
        systemctl restart "alloresto-$unit" || fail "alloresto-$unit does not start" "journalctl -u alloresto-$unit"
    done
    systemctl reload alloresto-firewall
    ready
}

ready() {
    left=60
    for part in relay:9103 edge:9104 web:9107; do
        until curl_ready "${part#*:}"; do
            left=$((left - 1))
            [ "$left" -gt 0 ] || fail "alloresto-${part%:*} is not ready after a minute" \
                "journalctl -u alloresto-${part%:*}" "what is missing: curl 127.0.0.1:${part#*:}/health/ready"
            sleep 1
        done
        say "alloresto-${part%:*} is ready"
    done
}

curl_ready() {
    "$opt/venv/bin/python" -c "import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=3)" \
        "http://127.0.0.1:$1/health/ready" 2>/dev/null
}

what_is_left() {
    ! grep -q CHANGE-ME "$etc/secrets/speech.env" ||
        say "to do: OPENAI_API_KEY in $etc/secrets/speech.env, then: systemctl restart alloresto-functions"
    if grep -q CHANGE-ME "$etc/secrets/backup.env"; then
        say "to do: BACKUPS ARE NOT ON: the bucket in $etc/secrets/backup.env, then: systemctl start alloresto-backup"
    fi
    ! grep -q '^SITE_HOST=localhost$' "$etc/tls.env" ||
        say "to do: SITE_HOST in $etc/tls.env"
    for one in WEB_PUBLIC_URL:web.env FUNCTIONS_WEB_PUBLIC_URL:functions.env; do
        grep -q "^${one%:*}=." "$etc/${one#*:}" ||
            say "to do: ${one%:*}=https://... in $etc/${one#*:}; without it mails and messages have no links"
    done
    ! grep -q '192\.0\.2\.0/24' "$etc/firewall.nft" ||
        say "to do: your trunk's networks in $etc/firewall.nft and SIP_PEERS in edge.env; until then nobody can ring"
    say "then: docs/operators/small-site.md, the first restaurant"
}

options "$@"
require_server
debian_packages
users
# Before the code: a download that fails leaves the release that runs as it is.
python_packages
code
compile
secrets
settings
unit_files
database
start
what_is_left
