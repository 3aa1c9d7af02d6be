#!/bin/bash
# What a newcomer does, timed: clone, `make run`, look, Ctrl-C, `make run` again (under 15 s), and with --tests `make test`.
# Works on a clone of the committed state in a temporary folder, which goes away at the end. Ends at the first fault.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
port=${KCZ_PORT:-8017}
export KCZ_PORT=$port
unset KCZ_DATA KCZ_DATABASE KCZ_INDEXES KCZ_ENCODER
site=
finish() { [ -z "$site" ] || kill "$site" 2>/dev/null || true; rm -rf "$folder"; }
trap finish EXIT

fault() { echo "fresh_install_check: $1" >&2; [ ! -f "$folder/log" ] || tail -20 "$folder/log" >&2; exit 1; }

start_and_stop() { # the longest start allowed, in seconds
    begun=$SECONDS
    make --silent run >"$folder/log" 2>&1 &
    site=$!
    until grep -q "is running at http://127.0.0.1:$port" "$folder/log"; do
        kill -0 "$site" 2>/dev/null || fault "make run ended before the site answered"
        [ $((SECONDS - begun)) -le "$1" ] || fault "the start took more than $1 s"
        sleep 0.2
    done
    echo "started in $((SECONDS - begun)) s"
    python3 - "$port" <<'PY' || fault "the front page is not what it should be"
import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
for path in ("/", "/static/vendor/htmx.min.js", "/static/vendor/bootstrap.min.css"):
    with opener.open(f"http://127.0.0.1:{sys.argv[1]}{path}", timeout=20) as answer:
        assert answer.status == 200 and answer.read(), path
PY
    kill -INT "$(pgrep -P "$site" -f serve.py || echo "$site")"
    wait "$site" || true
    site=
    if pgrep -f "127.0.0.1:$port" >/dev/null; then fault "a web server was left behind"; fi
    if pgrep -f "$folder/.*--app app worker" >/dev/null; then fault "a worker was left behind"; fi
    echo "stopped, nothing left behind"
}

git clone --quiet "$here" "$folder/site"
cd "$folder/site"
start_and_stop 1800
start_and_stop 15
if [ "${1:-}" = --tests ]; then
    begun=$SECONDS
    CI=true bash .ci/run </dev/null
    echo "make test took $((SECONDS - begun)) s"
fi
[ -z "$(git status --porcelain)" ] || fault "set-up leaves files that git does not ignore: $(git status --porcelain | head -3)"
echo "fresh install: all well"
