#!/bin/sh
# Gives a program built to count the work that it is for: requests of all kinds, that pass and that are recorded, over HTTP/1.1,
# HTTP/2 and TLS; all rules of all packs; questions, an export, a check of the whole log.
#
#   deploy/profiled/train.sh PROGRAM
#
# Before the application of benches/peers, with its configuration; ports 19000 to 19019 of 127.0.0.1 must be free.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
peers=$here/../../benches/peers
program=$(realpath "$1")

work=$(mktemp -d)
running=
trap 'kill $running 2>/dev/null || true; wait; rm -rf "$work"' EXIT
# nginx started by root reads files as somebody else.
chmod 755 "$work"
cp -R "$peers/." "$work"
cd "$work"
. "$peers/files.sh"
sed 's/:19010/:19011/; s/:19018/:19019/; s/^data_dir: data$/data_dir: data-tls/' earwitness.yaml >earwitness-tls.yaml
echo 'tls: { certificate: certificate.pem, key: key.pem }' >>earwitness-tls.yaml

start() {
    "$@" >>programs.log 2>&1 &
    running="$running $!"
}

load() { # seconds, options and URL
    seconds=$1
    shift
    h2load --duration "$seconds" "$@" >load.log
    grep -q ' 0 failed, 0 errored, 0 timeout' load.log && return
    echo "not every request was answered: $*" >&2
    cat load.log >&2
    exit 1
}

until_open() { # URL
    for _ in $(seq 100); do
        h2load --h1 -n1 "$1" 2>/dev/null | grep -q ' 1 succeeded' && return
        sleep 0.1
    done
    echo "nobody answers at $1" >&2
    cat programs.log >&2
    exit 1
}

start nginx -p "$work" -c "$work/upstream.conf"
start "$program" serve --config earwitness.yaml
start "$program" serve --config earwitness-tls.yaml
until_open http://127.0.0.1:19010/1k
until_open https://127.0.0.1:19011/1k
for started in $running; do
    kill -0 "$started" && continue
    echo "one of the programs has ended; is something else at its port?" >&2
    cat programs.log >&2
    exit 1
done

clear=http://127.0.0.1:19010
tls=https://127.0.0.1:19011
log=http://127.0.0.1:19018/audit/v1
booking='--data=post.json --header=content-type:application/json'
# $booking is two words.
# shellcheck disable=SC2086
for _ in 1 2; do
    for path in api/bookings api/durable-bookings other; do
        load 3 --h1 -c64 $booking "$clear/$path"
    done
    load 3 --h1 -c64 "$clear/1k"
    load 1 --h1 -c64 "$clear/64k"
    load 2 --h1 -c64 "$tls/1k"
    load 2 --h1 -c64 $booking "$tls/other"
    load 2 --h1 -c64 $booking "$tls/api/bookings"
    for front in "--npn-list=h2 $tls" "--no-tls-proto=h2c $clear"; do
        protocol=${front% *}
        url=${front#* }
        load 2 "$protocol" -c8 -m8 "$url/1k"
        load 2 "$protocol" -c8 -m8 $booking "$url/other"
        load 1 "$protocol" -c8 -m8 $booking "$url/api/bookings"
        load 1 "$protocol" -c8 -m8 "$url/64k"
    done
    for question in '' '&q=planning' '&action=CREATED' '&ip=127.0.0.1' '&q=nobody' '&order=oldest'; do
        load 1 --h1 -c2 "$log/events?limit=50$question"
    done
done
"$program" export --config earwitness.yaml --format csv >/dev/null
"$program" export --config earwitness.yaml --format ndjson >/dev/null
"$program" verify --config earwitness.yaml >/dev/null
for _ in $(seq 20); do
    "$program" test "$here/../../rules" >/dev/null
done
# What was counted is written at the end of a program.
kill $running
wait
running=
