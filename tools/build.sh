#!/usr/bin/env bash
# Builds one back-end binary from its own module under tools/ and links it into bin/. Usage:
#
#	tools/build.sh NAME MODULE PACKAGE [TAGS]
#
# Builds are kept outside the checkout, in ${XDG_CACHE_HOME:-~/.cache}/firedrill/stack, under a key
# of everything that goes into them: a second call, or another checkout, only makes the link.
set -euo pipefail
cd "$(dirname "$0")/.."

name=$1 module=$2 package=$3 tags=${4:-}
# No -trimpath and no VCS stamp: upstream's versions are pinned by go.sum, and the checkout's own
# state says nothing about them.
export GOFLAGS=-buildvcs=false CGO_ENABLED=0
flags=(-tags "$tags" -ldflags "-s -w")

sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }
key=$({ cat "tools/$module/go.mod" "tools/$module/go.sum"; go env GOVERSION GOOS GOARCH; echo "$package ${flags[*]}"; } | sha256 | cut -c1-16)
dir=${XDG_CACHE_HOME:-$HOME/.cache}/firedrill/stack/$name-$key

if [[ ! -x $dir/$name ]]; then
	version=$(go list -C "tools/$module" -f '{{.Module.Version}}' "$package")
	echo "stack: building $name $version (the first time 6 to 8 min on 2 cores, all three about 20 min; kept in $dir)"
	mkdir -p "$dir"
	new=$dir/.$name.$$
	trap 'rm -f "$new"' EXIT
	if ! go build -C "tools/$module" "${flags[@]}" -o "$new" "$package" >"$dir/build.log" 2>&1; then
		tail -n 30 "$dir/build.log" >&2
		echo "stack: building $name did not work; the whole output is in $dir/build.log" >&2
		exit 1
	fi
	mv "$new" "$dir/$name" # whole or not at all, also when two checkouts build at once
fi
mkdir -p bin
if [[ $(readlink "bin/$name" || true) != "$dir/$name" ]]; then
	ln -sfn "$dir/$name" "bin/$name"
	echo "stack: bin/$name is ready"
fi
