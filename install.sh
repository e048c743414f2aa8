#!/bin/sh
# Makes an environment that holds exactly what a lock file names, every file checked against its hash,
# and this project in it, where it is told to:
#
#   install.sh ENVIRONMENT LOCK [[--editable] SOURCE]
#
# PYTHON names the interpreter (python3). uv installs; where it is missing, pip is asked for its one wheel.
set -eu
requirements=$(cd "$(dirname "$0")" && pwd)
test -f "$requirements/uv.txt" || requirements=$requirements/requirements
environment=$1
lock=$2
shift 2
python=${PYTHON:-python3}

fail() {
  printf 'install.sh: %s\n' "$@" >&2
  exit 2
}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "release-tool needs Python 3.11 or newer, and $python is $("$python" --version 2>&1)." "Name a newer one: PYTHON=python3.13"

uv=$(command -v uv) || {
  uv=$environment/uv/bin/uv
  # --target: an interpreter that a distribution manages refuses to be installed into.
  # The variable instead of the option: pip 22.0 knows neither, and ignores a variable.
  PIP_ROOT_USER_ACTION=ignore "$python" -P -m pip install --quiet --disable-pip-version-check --no-deps \
    --only-binary :all: --require-hashes --upgrade --target "$environment/uv" --requirement "$requirements/uv.txt" ||
    fail "neither uv nor pip is there for $python, or pip could not get uv." "Install either, and run this again."
}

printf 'installing what %s names into %s\n' "$lock" "$environment" >&2
"$uv" venv --quiet --allow-existing --python "$python" "$environment"
"$uv" pip sync --quiet --require-hashes --python "$environment" "$lock"
test $# = 0 || "$uv" pip install --quiet --no-deps --no-build-isolation --python "$environment" "$@"
