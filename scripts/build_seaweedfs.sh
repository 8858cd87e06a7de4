#!/usr/bin/env bash
# Builds the object store of the tests, SeaweedFS, into .tools/weed, unless it is there, by Go from its module proxy.
# Exit codes: 75 where it cannot be built here, with the reason.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VERSION=v0.0.0-20261109003541-7506e5f91cd6
MODULE=github.com/seaweedfs/seaweedfs

fail() { echo "error: SeaweedFS cannot be built here: $1" >&2; exit 75; }

stamp=.tools/weed.version
[ -x .tools/weed ] && [ "$(cat "$stamp" 2>/dev/null)" = "$VERSION" ] && exit
go=$(command -v go || command -v /usr/local/go/bin/go) || fail "Go is not installed, https://go.dev"
mkdir -p .tools
echo "Building SeaweedFS $VERSION into .tools/weed with $("$go" env GOVERSION) (some minutes, the first time) ..."
# Not `go install`, which refuses modules with replacements: built where Go has put its source.
{
  "$go" mod download -json "$MODULE@$VERSION" > .tools/module.json
  source=$(sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p' .tools/module.json)
  CGO_ENABLED=0 "$go" build -C "$source" -trimpath -buildvcs=false -ldflags "-s -w" -o "$PWD/.tools/weed" ./weed
} 2> .tools/build.log || { tail -n 5 .tools/build.log >&2; fail "go build failed"; }
echo "$VERSION" > "$stamp"
