#!/usr/bin/env bash
# What kcat sees of a cluster on which a worker of the domain `lab` runs: check_kcat.sh host:port
set -euo pipefail
bootstrap=$1

for topic in lab.commands lab.retry.5s lab.results lab.failures lab.audit lab.dlt; do
    kcat -L -b "$bootstrap" 2>/dev/null | grep -q "topic \"$topic\"" || {
        echo "kcat does not list $topic" >&2
        exit 1
    }
done

id="kcat-$RANDOM-$$"
printf '{"echo":"from kcat"}' | kcat -P -b "$bootstrap" -t lab.commands -k kcat-key \
    -H content-type=application/json -H ce_specversion=1.0 -H "ce_id=$id" -H ce_source=kcat -H ce_type=lab.run

# Reads to the end again and again until the outcome is there.
for _ in $(seq 100); do
    found=$(kcat -C -b "$bootstrap" -t lab.results -o beginning -e -q -f '%k|%h|%s\n' \
        -X fetch.wait.max.ms=10 2>/dev/null | grep "ce_subject=$id" || true)
    [ -z "$found" ] || break
    sleep 0.1
done
for part in "kcat-key|" "ce_type=lab.run.succeeded" "ce_source=adjutant/lab" '"echo":"from kcat"'; do
    case $found in
    *"$part"*) ;;
    *)
        echo "kcat reads no outcome with $part: ${found:-nothing}" >&2
        exit 1
        ;;
    esac
done
echo "kcat: sent a command, listed the topics, read the outcome"
