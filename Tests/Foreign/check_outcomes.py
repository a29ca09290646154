"""Sends commands in both CloudEvents modes with confluent-kafka and checks what comes of them by the contract's names.

    check_outcomes.py host:port [--count N] [--keys N]

Needs a worker of the domain `lab` with short retry delays. Exit code 0 when all holds.
"""

import argparse
import collections
import json
import sys
import time
import uuid

from confluent_kafka import Consumer, Producer, TopicPartition

BINARY, STRUCTURED = "binary", "structured"
OUTCOMES = ["lab.results", "lab.failures"]


def message(command_id, data, mode, command_type="lab.run", **attributes):
    """Headers and value of one command."""
    envelope = {"specversion": "1.0", "id": command_id, "source": "foreign", "type": command_type, **attributes}
    if mode == STRUCTURED:
        envelope.update(datacontenttype="application/json", data=data)
        return {"content-type": "application/cloudevents+json"}, json.dumps(envelope)
    headers = {f"ce_{name}": value for name, value in envelope.items()}
    return {"content-type": "application/json", **headers}, json.dumps(data)


class Event:
    def __init__(self, record):
        self.topic = record.topic()
        self.offset = record.offset()
        self.partition = record.partition()
        self.key = (record.key() or b"").decode()
        self.raw = record.value()
        self.names = [name for name, _ in record.headers() or []]
        self.headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers() or []}

    @property
    def subject(self):
        return self.headers.get("ce_subject", "")

    @property
    def data(self):
        return json.loads(self.raw)


class Reader:
    """Reads topics from their beginning, outside any group."""

    def __init__(self, bootstrap, topics):
        self.consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"foreign-{uuid.uuid4()}",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 10,
            }
        )
        known = self.consumer.list_topics(timeout=10).topics
        self.consumer.assign([TopicPartition(t, p, 0) for t in topics for p in known[t].partitions])

    def read_until(self, enough, seconds=120):
        limit = time.monotonic() + seconds
        events = []
        while not enough(events):
            if time.monotonic() > limit:
                raise SystemExit(f"only {len(events)} events within {seconds} s")
            for record in self.consumer.consume(1000, 0.2):
                if record.error():
                    raise SystemExit(f"cannot read: {record.error()}")
                events.append(Event(record))
        return events


PROBLEMS = []


def expect(holds, what):
    if not holds:
        PROBLEMS.append(what)


def check_load(bootstrap, producer, count, keys):
    """Many commands in both modes: one outcome each, in order per key, never two of a key at once."""
    prefix = f"load-{uuid.uuid4()}"
    for index in range(count):
        headers, value = message(
            f"{prefix}-{index}", {"echo": {"row": index // keys}}, STRUCTURED if index % 2 else BINARY
        )
        while True:
            try:
                producer.produce("lab.commands", key=f"{prefix}-{index % keys}", value=value, headers=headers)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
    sent = {f"{prefix}-{index}" for index in range(count)}
    reader = Reader(bootstrap, OUTCOMES)
    events = reader.read_until(lambda events: len({e.subject for e in events} & sent) == count)
    mine = [event for event in events if event.subject in sent]
    expect(len(mine) == count, f"{len(mine)} outcome events for {count} commands")
    expect(len({event.headers["ce_id"] for event in mine}) == count, "event ids are not unique")

    rows = collections.defaultdict(list)
    for event in mine:
        headers = event.headers
        expect(event.topic == "lab.results", f"{event.subject} ended on {event.topic}")
        expect(headers.get("ce_type") == "lab.run.succeeded", f"ce_type {headers.get('ce_type')}")
        expect(headers.get("ce_specversion") == "1.0", "ce_specversion")
        expect(headers.get("ce_source") == "adjutant/lab", f"ce_source {headers.get('ce_source')}")
        expect(headers.get("ce_causationid") == event.subject, "ce_causationid is not the command")
        expect(headers.get("ce_correlationid") == event.subject, "ce_correlationid is not the command")
        expect(headers.get("adjutant-attempt") == "1", f"adjutant-attempt {headers.get('adjutant-attempt')}")
        expect(uuid.UUID(headers["ce_id"]).version == 5, f"ce_id {headers['ce_id']} is no UUIDv5")
        expect(set(event.data) >= {"echo", "attempt", "worker", "startedAt", "finishedAt"}, f"data {event.data}")
        rows[event.key].append(event.data)
    for key, runs in rows.items():
        runs.sort(key=lambda run: run["startedAt"])
        expect([run["echo"]["row"] for run in runs] == list(range(len(runs))), f"{key}: not in the order sent")
        overlaps = [1 for a, b in zip(runs, runs[1:]) if b["startedAt"] < a["finishedAt"]]
        expect(not overlaps, f"{key}: {len(overlaps)} overlapping runs")
    print(f"confluent-kafka: {count} commands in both modes over {keys} keys")


def check_single(bootstrap, producer):
    """One command of each ending, in both modes."""
    cases = {
        "recovers": ({"failFirst": 2}, "lab.results", None, 3),
        "permanent": ({"fail": "permanent"}, "lab.failures", "permanent", 1),
        "rejected": ({"fail": "rejected"}, "lab.failures", "rejected", 1),
        "exhausted": ({"fail": "transient"}, "lab.failures", "exhausted", 3),
        "invalid": ({"failFirst": "no", "timeoutPct": 200}, "lab.failures", "invalid", 1),
    }
    prefix = str(uuid.uuid4())
    expected = {}
    for mode in (BINARY, STRUCTURED):
        for name, (data, topic, failure, attempts) in cases.items():
            command_id = f"{prefix}-{name}-{mode}"
            expected[command_id] = (topic, failure, attempts)
            headers, value = message(command_id, data, mode, correlationid="together", tenant="acme")
            producer.produce("lab.commands", key=command_id, value=value, headers=headers)
    producer.flush()
    letters = sum(1 for _, failure, _ in expected.values() if failure in ("permanent", "exhausted"))

    def enough(events):
        subjects = {event.subject for event in events if event.topic in OUTCOMES}
        parked = [event for event in events if event.topic == "lab.dlt" and event.key in expected]
        return set(expected) <= subjects and len(parked) >= letters

    events = Reader(bootstrap, OUTCOMES + ["lab.dlt"]).read_until(enough)
    for event in events:
        if event.topic not in OUTCOMES or event.subject not in expected:
            continue
        topic, failure, attempts = expected[event.subject]
        name = event.subject[len(prefix) + 1 :]
        expect(event.topic == topic, f"{name} ended on {event.topic}")
        expect(event.headers.get("ce_correlationid") == "together", f"{name}: correlation is not carried")
        expect(event.headers.get("ce_tenant") == "acme", f"{name}: tenant is not carried")
        expect(event.headers.get("adjutant-attempt") == str(attempts), f"{name}: adjutant-attempt")
        if failure is None:
            expect(event.data.get("attempt") == attempts, f"{name}: attempt {event.data.get('attempt')}")
            continue
        data = event.data
        expect(event.headers.get("ce_type") == "lab.run.failed", f"{name}: ce_type")
        expect(data.get("class") == failure, f"{name}: class {data.get('class')}")
        expect(data.get("attempts") == attempts, f"{name}: attempts {data.get('attempts')}")
        expect(data.get("deadLettered") == (failure in ("permanent", "exhausted")), f"{name}: deadLettered")
        if failure == "invalid":
            errors = data.get("errors", [])
            expect(len(errors) == 2, f"{name}: {len(errors)} problems")
            expect(all(set(e) >= {"path", "code", "message"} for e in errors), f"{name}: errors")
    for letter in (event for event in events if event.topic == "lab.dlt" and event.key in expected):
        for part in ("topic", "partition", "offset", "group", "delivery.count", "message"):
            expect(letter.names.count(f"__dlq.errors.{part}") == 1, f"__dlq.errors.{part} of {letter.key}")
        for part in ("error-class", "error-code", "first-failed", "failed", "replays", "fingerprint"):
            expect(letter.names.count(f"adjutant-{part}") == 1, f"adjutant-{part} of {letter.key}")
    print(f"confluent-kafka: {len(expected)} single commands, {letters} dead letters")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bootstrap")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--keys", type=int, default=200)
    options = parser.parse_args()
    producer = Producer({"bootstrap.servers": options.bootstrap, "linger.ms": 5})
    check_load(options.bootstrap, producer, options.count, options.keys)
    check_single(options.bootstrap, producer)
    for problem in PROBLEMS[:20]:
        print(f"differs: {problem}", file=sys.stderr)
    if len(PROBLEMS) > 20:
        print(f"and {len(PROBLEMS) - 20} more", file=sys.stderr)
    sys.exit(1 if PROBLEMS else 0)


if __name__ == "__main__":
    main()
