import Commands
import DeadLetters
import JSONCoding
import Processor

/// A replay against a cluster in memory.
struct ReplayStage {
    let cluster: MemoryCluster
    var options = JobRecord.Options()
    var filter = ""
    let clock: TestClock

    init(partitions: Int = 3) {
        self.cluster = MemoryCluster(partitions: partitions)
        self.clock = TestClock()
        self.options.batch = 7
        self.options.reason = "test"
        self.options.actor = "me"
    }

    static let targets = ReplayTargets(domain: "lab", declared: nil, tiers: [RetryTier(milliseconds: 5000)])

    /// Puts so many letters there, over a few keys and partitions.
    func fill(_ count: Int, keys: Int = 5) {
        for index in 0..<count {
            self.cluster.put(
                Letters.own(
                    id: "c-\(index)", key: "k-\(index % keys)", origin: ("lab.commands", Int32(index % 3), Int64(index))
                ))
        }
    }

    func job(_ id: String = "job-1") throws -> JobRecord {
        let source = MemorySource(self.cluster)
        var options = self.options
        options.filter = self.filter
        var job = JobRecord(
            id: id, domain: "lab", topic: "lab.dlt", options: options, at: self.clock.now,
            owner: .init(host: "here", process: 1), ranges: try source.ranges(of: "lab.dlt")!)
        for topic in ["lab.results", "lab.failures", "lab.dlt", "lab.retry.5s"] {
            job.outcomesFrom[topic] = try source.ranges(of: topic)!.map {
                PartitionRange(partition: $0.partition, low: $0.end, end: .max)
            }
        }
        return job
    }

    /// Runs a job with a ledger as a process of its own would read it.
    func run(
        _ job: JobRecord, sink: MemorySink? = nil, isStopping: @escaping () -> Bool = { false },
        edit: (ReplayRunner) -> Void = { _ in }
    ) throws -> JobRecord {
        let source = MemorySource(self.cluster)
        let ledger = try LedgerStore(domain: "lab", source: source)
        let runner = try ReplayRunner(
            job: job,
            world: .init(
                source: source, sink: sink ?? MemorySink(self.cluster), ledger: ledger, targets: Self.targets,
                filter: LetterFilter(job.options.filter, now: self.clock.now), clock: self.clock.clock))
        runner.isStopping = isStopping
        edit(runner)
        return try runner.run()
    }

    /// Notes a job, as another process would.
    func note(_ job: JobRecord) throws {
        try self.note(job, key: "job/\(job.id)")
    }

    func note(_ value: some Encodable, key: String) throws {
        self.cluster.put(
            Record(topic: "", key: Letters.bytes(key), value: try FastJSONEncoder().encode(value), headers: []),
            topic: "lab.dlt.jobs")
    }

    /// Publishes the outcomes of everything that was sent so far.
    func answerAll() {
        for id in self.sent.keys {
            self.cluster.put(
                Record(topic: "", value: [], headers: [("ce_subject", Letters.bytes(id))]), topic: "lab.results")
        }
    }

    /// The job as it is noted.
    func noted(_ id: String = "job-1") throws -> JobRecord? { try self.ledger().jobs[id] }

    func ledger() throws -> LetterLedger { try LedgerStore(domain: "lab", source: MemorySource(self.cluster)).ledger }

    func resumed(_ id: String = "job-1") throws -> JobRecord {
        try self.noted(id)!.resumed(by: .init(host: "here", process: 2), at: self.clock.now)
    }

    /// The ids that were sent, with how often.
    var sent: [String: Int] {
        Dictionary(
            self.cluster.records("lab.commands").map { ($0.text(ofHeader: "ce_id") ?? "?", 1) }, uniquingKeysWith: +)
    }

    /// Lets a worker answer each command at once: true for success.
    func answer(_ succeeds: @escaping (Record) -> Bool) {
        let cluster = self.cluster
        self.cluster.stored = { record in
            guard record.topic == "lab.commands", let id = record.text(ofHeader: "ce_id") else { return }
            let isGood = succeeds(record)
            cluster.put(
                Record(
                    topic: "", key: nil, value: Letters.bytes("{}"),
                    headers: [
                        ("ce_subject", Letters.bytes(id)),
                        ("ce_type", Letters.bytes(isGood ? "lab.run.succeeded" : "lab.run.failed")),
                    ]), topic: isGood ? "lab.results" : "lab.failures")
            guard !isGood else { return }
            let replays = record.text(ofHeader: "adjutant-replays").flatMap { Int($0) } ?? 0
            cluster.put(
                Letters.own(
                    id: id, key: record.text(record.key), origin: ("lab.commands", record.partition, record.offset),
                    replays: replays))
        }
    }
}

/// A clock that moves a little whenever it is looked at.
final class TestClock {
    private(set) var now: Int64 = 1_777_889_000_000_000

    func advance(by microseconds: Int64) { self.now += microseconds }

    var clock: EngineClock {
        nonisolated(unsafe) let clock = self
        // Used by the one thread of its test.
        return EngineClock(wall: { clock.tick() }, monotonic: { clock.tick() })
    }

    private func tick() -> Int64 {
        self.now += 100
        return self.now
    }
}
