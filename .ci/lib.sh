# What the scripts here share.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { echo "== $*"; }
tool() { go tool -modfile=internal/tools/go.mod "$@"; }
