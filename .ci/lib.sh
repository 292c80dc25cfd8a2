# What the scripts here share.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# All builds but those of tests are alike, and share what they compile.
alike() { CGO_ENABLED=0 GOFLAGS=-trimpath "$@"; }

step() { echo "== $*"; }
tool() { go tool -modfile=internal/tools/go.mod "$@"; }
