#!/bin/sh
# A release build by profile: the compiler is told which ways are gone often, and lays the program out for them. A
# request then takes a quarter fewer instructions (docs/performance.md).
#
#   deploy/profiled/build.sh
#
# The program is built twice, once to count while `train.sh` gives it work, and once by what was counted: half an hour on two
# cores. It is `target/profiled/earwitness` then. Beside what a plain build needs, it takes the compiler's own llvm-profdata
# (rustup component add llvm-tools) and, on Debian,
#   apt install nginx-light nghttp2-client openssl
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
target=${CARGO_TARGET_DIR:-$PWD/target}/profiled
profdata=$(rustc --print target-libdir)/../bin/llvm-profdata

missing=
for tool in "$profdata" nginx h2load openssl; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
if [ -n "$missing" ]; then
    echo "build.sh needs, and its first lines tell from where:$missing" >&2
    exit 2
fi

# Named, so that what runs on the way (build scripts, macros) is not built to count.
host=$(rustc -vV | sed -n 's/^host: //p')
build() { # folder, flag
    CARGO_ENCODED_RUSTFLAGS="$2" CARGO_TARGET_DIR="$target/$1" cargo build --release --locked --bin earwitness --target "$host"
}

# cargo does not look at what was counted: what was built by older counts goes, too.
rm -rf "$target/counts" "$target/using"
build counting "-Cprofile-generate=$target/counts"
"$here/train.sh" "$target/counting/$host/release/earwitness"
"$profdata" merge --output "$target/counts/all.profdata" "$target"/counts/*.profraw
build using "-Cprofile-use=$target/counts/all.profdata"
cp "$target/using/$host/release/earwitness" "$target/earwitness"
echo "built: $target/earwitness"
