#!/bin/sh
# Make the virtual environment with the first Python that is new enough, and uv inside it.
set -eu
venv=$1
for python in python3 python3.14 python3.13 python3.12 python3.11 python; do
    # By running it: a version manager's shim may be there and lead nowhere.
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        found=$python
        break
    fi
done
if [ -z "${found:-}" ]; then
    echo "Paywright needs Python 3.11 or later; none was found. Install it and try again." >&2
    exit 1
fi
rm -rf "$venv"
if ! "$found" -m venv "$venv" 2>/dev/null; then
    echo "$("$found" --version) cannot make virtual environments: its module venv is missing." >&2
    echo "On Debian and Ubuntu: apt install python3-venv" >&2
    exit 1
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
    -r requirements/bootstrap.txt
