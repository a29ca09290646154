import Commands
import DeadLetters
import KafkaTransport
import Processor

/// Records of a dead-letter topic and of what was done, for the index. Everything blocks.
///
/// `@unchecked Sendable`: the calls come one after another, each on a thread that may block.
final class IndexFeed: @unchecked Sendable {
    let domain: Domain
    let topic: String
    let settings: Settings
    private let source: KafkaDeadLetterSource
    private var reader: (any DeadLetterReader)?

    init(_ options: DltOptions) throws {
        let cluster = try DltCluster(options)
        self.domain = cluster.domain
        self.topic = cluster.topic
        self.settings = cluster.settings
        self.source = cluster.source
    }

    /// None when there is no such topic.
    func ranges(of topic: String) throws -> [PartitionRange] { try self.source.ranges(of: topic) ?? [] }

    /// Begins to read parts of a topic.
    func open(_ topic: String, _ ranges: [PartitionRange]) throws {
        self.reader?.close()
        self.reader = nil
        guard ranges.contains(where: { $0.count > 0 }) else { return }
        self.reader = try self.source.reader([topic: ranges])
    }

    /// The next records, at most a few thousand; none at the end.
    func next() throws -> [Record] {
        var records: [Record] = []
        var bytes = 0
        while let reader, !reader.isComplete, records.count < 2000, bytes < 8 << 20 {
            var more: [Record] = []
            try reader.read(milliseconds: 100, into: &more)
            bytes += more.reduce(0) { $0 + $1.bytes.count }
            records += more
        }
        return records
    }

    func close() {
        self.reader?.close()
        self.source.close()
    }

    /// Calls it on a thread that may block.
    func call<Result: Sendable>(_ body: @escaping @Sendable (IndexFeed) throws -> Result) async throws -> Result {
        try await DedicatedThread.run("adj-dlt") { try body(self) }
    }
}
