#!/usr/bin/env bash
# Clients that know nothing of Adjutant, against a broker and a worker of its own: confluent-kafka and kcat.
#
#   Tests/Foreign/run.sh path/to/adjutant [--count N] [--keys N]
#
# Without confluent-kafka it is skipped, unless CI=true. Exit code 0 when all holds.
set -euo pipefail

if [ $# -lt 1 ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
adjutant=$(realpath "$1")
shift
cd "$(dirname "$0")/../.."

missing() {
    echo "Tests/Foreign: $1" >&2
    [ "${CI:-}" != true ] || exit 1
}

if ! python3 -c 'import confluent_kafka' 2>/dev/null; then
    missing "skipped, Python's confluent_kafka is not installed (python3 -m pip install confluent-kafka)"
    exit 0
fi

folder=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT

# Waits for the first line that a background process writes to a file.
first_line() {
    local file=$1 pid=$2
    for _ in $(seq 300); do
        if [ -s "$file" ]; then
            head -n 1 "$file"
            return
        fi
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    echo "nothing came from the process; its last words:" >&2
    cat "$folder"/*.err >&2
    return 1
}

"$adjutant" broker >"$folder/broker.out" 2>"$folder/broker.err" &
pids+=($!)
bootstrap=$(first_line "$folder/broker.out" $!)

ADJUTANT_KAFKA_PROPERTIES_FETCH_WAIT_MAX_MS=10 ADJUTANT_RETRY_DELAYS=50ms,100ms \
    "$adjutant" worker --bootstrap-servers "$bootstrap" --domain lab >"$folder/worker.out" 2>"$folder/worker.err" &
worker=$!
pids+=("$worker")
first_line "$folder/worker.out" "$worker" >/dev/null

fail() {
    echo "Tests/Foreign: $1; the worker's last words:" >&2
    tail -n 20 "$folder/worker.err" >&2
    exit 1
}

python3 Tests/Foreign/check_outcomes.py "$bootstrap" "$@" || fail "confluent-kafka found differences"

if command -v kcat >/dev/null; then
    Tests/Foreign/check_kcat.sh "$bootstrap" || fail "kcat found differences"
else
    missing "kcat is not installed, its part is skipped"
fi

kill -TERM "$worker"
code=0
wait "$worker" || code=$?
[ "$code" = 0 ] || fail "the worker ended with $code on SIGTERM"
echo "foreign clients: all as the contract says"
