#!/bin/sh
# Make the pictures in docs/ of a running Paywright: scripts/screenshots.sh [URL]
# Needs chromium.
set -eu
url=${1:-http://127.0.0.1:3000}
profile=$(mktemp -d /tmp/paywright-screenshots.XXXXXX)
trap 'case $profile in /tmp/paywright-screenshots.*) rm -rf "$profile" ;; esac' EXIT
shoot() { # path, file, size
    chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync \
        --hide-scrollbars --user-data-dir="$profile" --window-size="$3" \
        --virtual-time-budget=10000 --screenshot="$2" "$url$1" 2>/dev/null
}
shoot /docs docs/api.png 1200,1000
echo "docs/api.png"
