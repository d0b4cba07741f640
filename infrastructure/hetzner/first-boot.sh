#!/bin/sh
# The first boot of a small site: its data on the volume, this repository at one commit, its install script, the trunks'
# networks. It may be run again. /root/site.env (or $1) says what is this site's; $2 is another root, for tests.
set -eu
# shellcheck disable=SC1090
. "${1:-/root/site.env}"
root="${2:-}"
DATA=/srv/alloresto
FOLDERS="/etc/alloresto /etc/postgresql /var/lib/postgresql /var/lib/alloresto /var/lib/alloresto-redis /var/lib/alloresto-tls"

fail() { echo "error: $1" >&2; exit 1; }

# Whatever outlives the server. Mounted before anything is installed, so that nothing is written beneath.
volume() {
    left=300
    until [ -b "$DEVICE" ]; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || fail "the volume $DEVICE did not come within 5 minutes"
        sleep 1
    done
    mkdir -p "$DATA"
    grep -q " $DATA " /etc/fstab || echo "$DEVICE $DATA ext4 defaults,nofail,discard 0 2" >>/etc/fstab
    mountpoint -q "$DATA" || mount "$DATA"
    for folder in $FOLDERS; do
        mkdir -p "$DATA$folder" "$folder"
        grep -q " $folder none bind" /etc/fstab ||
            echo "$DATA$folder $folder none bind,nofail,x-systemd.requires-mounts-for=$DATA 0 0" >>/etc/fstab
        mountpoint -q "$folder" || mount "$folder"
    done
}

code() {
    [ -d /root/alloresto/.git ] || git clone --quiet "$REPOSITORY" /root/alloresto
    cd /root/alloresto
    git fetch --quiet origin "$COMMIT"
    git checkout --quiet --detach "$COMMIT"
}

# install.sh keeps what is there.
before() {
    mkdir -p "$root/etc/alloresto"
    [ -e "$root/etc/alloresto/tls.env" ] || echo "SITE_HOST=$SITE_HOST" >"$root/etc/alloresto/tls.env"
}

# The networks of documentation, which install.sh writes, become the trunks'.
after() {
    sed -i "s|^SIP_PEERS=$|SIP_PEERS=$SIGNALLING|" "$root/etc/alloresto/edge.env"
    sed -i "s|^WEB_PUBLIC_URL=$|WEB_PUBLIC_URL=https://$SITE_HOST|" "$root/etc/alloresto/web.env"
    sed -i "s|^FUNCTIONS_WEB_PUBLIC_URL=$|FUNCTIONS_WEB_PUBLIC_URL=https://$SITE_HOST|" "$root/etc/alloresto/functions.env"
    spaced() { echo "$1" | sed 's/,/, /g'; }
    sed -i -e "/set signalling/s|192\.0\.2\.0/24|$(spaced "$SIGNALLING")|" \
        -e "/set media/s|192\.0\.2\.0/24|$(spaced "$MEDIA")|" "$root/etc/alloresto/firewall.nft"
}

if [ -n "$root" ]; then
    "$3"
    exit
fi
volume
code
before
setup/site/install.sh
after
nft -c -f /etc/alloresto/firewall.nft
systemctl reload alloresto-firewall
systemctl restart alloresto-edge alloresto-web alloresto-tls alloresto-functions
echo "installed; what is left to do is in docs/operators/small-site.md"
