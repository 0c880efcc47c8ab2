#!/bin/sh
# Earwitness against nginx, and an audited POST against nginx with Lua: CPU per request, one worker each.
#
#   benches/compare/run.sh [rounds] [seconds]
#
# It installs nothing. It needs Linux with two cores, python3, and on Debian:
#   apt install nginx-light libnginx-mod-http-lua lua-cjson wrk
# Pinned: the proxies to core 1, application and load to core 0. BINARY is a release build of earwitness.
set -eu
rounds=${1:-6}
seconds=${2:-2}
here=$(cd "$(dirname "$0")" && pwd)
binary=${BINARY:-$here/../../target/release/earwitness}

for tool in nginx wrk taskset python3 pgrep; do
    command -v "$tool" >/dev/null || { echo "run.sh needs $tool: see its first lines" >&2; exit 1; }
done
[ -x "$binary" ] || { echo "run.sh needs $binary: cargo build --release, or set BINARY" >&2; exit 1; }

work=$(mktemp -d)
pids=
stop() {
    # shellcheck disable=SC2086 # a list of ids
    [ -z "$pids" ] || kill $pids 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap stop EXIT INT TERM

start() { # core, command…: its id is in $pid
    core=$1
    shift
    taskset -c "$core" "$@" >"$work/log" 2>&1 &
    pid=$!
    pids="$pids $pid"
}

start 0 nginx -p "$work" -c "$here/upstream.conf"
start 1 nginx -p "$work" -c "$here/nginx.conf"
nginx=$pid
start 1 nginx -p "$work" -c "$here/nginx-lua.conf"
lua=$pid
EARWITNESS_DATA_DIR=$work/data EARWITNESS_KEY_FILE=$work/key \
    start 1 "$binary" serve --config "$here/earwitness.yaml"
earwitness=$pid
sleep 2

python3 "$here/measure.py" pass-through "$earwitness" 19003 "$nginx" 19002 /x "" "$rounds" "$seconds" 0
python3 "$here/measure.py" audited-post "$earwitness" 19003 "$lua" 19004 /api/bookings "$here/post.lua" \
    "$rounds" "$seconds" 0
