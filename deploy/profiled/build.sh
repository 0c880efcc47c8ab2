#!/bin/sh
# The release build by profile, as the image has it: the compiler is told which ways are gone often, and lays the program out
# for them. A request then takes a quarter fewer instructions than in a plain `cargo build --release` (docs/performance.md).
#
#   deploy/profiled/build.sh
#
# It needs no more than a plain build, and twice the time: a quarter of an hour on two cores. What comes out is
# `target/profiled/earwitness`. What was counted stands in counts.profdata.gz, beside this script; count.sh counts anew. A
# function that has changed since is built as if nobody had counted, which is no error.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
target=${CARGO_TARGET_DIR:-target}/profiled
mkdir -p "$target"
target=$(realpath "$target")

gzip --decompress --stdout "$here/counts.profdata.gz" >"$target/new.profdata"
# cargo does not look at what was counted: what was built by other counts goes, too.
cmp --silent "$target/new.profdata" "$target/counts.profdata" || rm -rf "$target/using"
mv "$target/new.profdata" "$target/counts.profdata"
# Named, so that what runs on the way (build scripts, macros) is built plainly.
host=$(rustc -vV | sed -n 's/^host: //p')
CARGO_ENCODED_RUSTFLAGS="-Cprofile-use=$target/counts.profdata" CARGO_TARGET_DIR="$target/using" \
    cargo build --release --locked --bin earwitness --target "$host"
cp "$target/using/$host/release/earwitness" "$target/earwitness"
echo "built: $target/earwitness"
