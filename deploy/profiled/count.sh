#!/bin/sh
# Counts anew which ways the program goes: builds it so that it counts, gives it work (train.sh), and writes what was counted to
# counts.profdata.gz, by which build.sh builds. To be run where much of the traffic's way has changed, and by whoever's
# traffic is nothing like the training's.
#
#   deploy/profiled/count.sh
#
# A quarter of an hour on two cores. Beside what a plain build needs, it takes the compiler's own llvm-profdata (rustup component
# add llvm-tools) and, on Debian,
#   apt install nginx-light nghttp2-client openssl
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
target=${CARGO_TARGET_DIR:-target}/profiled
mkdir -p "$target"
target=$(realpath "$target")
profdata=$(rustc --print target-libdir)/../bin/llvm-profdata

missing=
for tool in "$profdata" nginx h2load openssl; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
if [ -n "$missing" ]; then
    echo "count.sh needs, and its first lines tell from where:$missing" >&2
    exit 2
fi

rm -rf "$target/counts"
# Named, so that what runs on the way (build scripts, macros) is not built to count.
host=$(rustc -vV | sed -n 's/^host: //p')
CARGO_ENCODED_RUSTFLAGS="-Cprofile-generate=$target/counts" CARGO_TARGET_DIR="$target/counting" \
    cargo build --release --locked --bin earwitness --target "$host"
"$here/train.sh" "$target/counting/$host/release/earwitness"
# Without what was never run: a fifth of the size, and no worse.
"$profdata" merge --sparse --output "$target/all.profdata" "$target"/counts/*.profraw
gzip -9 --no-name --stdout "$target/all.profdata" >"$here/counts.profdata.gz"
echo "written: $here/counts.profdata.gz"
