#!/bin/sh
# install.sh VENV LOCK: make VENV and install the hash-pinned LOCK and this project into it.
# uv when there is one that works, else pip. Then the compiled part, where there is a C compiler.
set -eu
venv=$1
lock=$2
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "whodid needs Python 3.11 or newer; $("$python" --version) is $python." >&2
    echo "Name another one: make PYTHON=/path/to/python3" >&2
    exit 1
}

if command -v uv >/dev/null 2>&1 &&
    { [ -x "$venv/bin/python" ] || uv venv -q --python "$python" "$venv"; } &&
    uv pip install -q --python "$venv/bin/python" --require-hashes -r "$lock" &&
    uv pip install -q --python "$venv/bin/python" --no-deps --no-build-isolation -e .; then
    exec "$venv/bin/python" -m whodid.native.build
fi

# Debian ships venv apart; ensurepip is what a bare machine may lack.
[ -x "$venv/bin/pip" ] || "$python" -m venv "$venv" || {
    echo "Python's venv module does not work here; on Debian: apt-get install python3-venv" >&2
    exit 1
}
"$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r "$lock"
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
exec "$venv/bin/python" -m whodid.native.build
