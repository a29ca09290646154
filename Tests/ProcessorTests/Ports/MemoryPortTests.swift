import Commands
import Foundation
import Logging
import PortConformance
import Testing

@testable import Processor

/// The fakes keep to the ports as Kafka's adapters do, so that what the engine's tests show holds there too.
@Suite(.timeLimit(.minutes(10))) struct MemoryPortTests {
    @Test(arguments: SourceConformance.allCases) func theSourceConforms(check: SourceConformance) async throws {
        try await Self.blocking {
            let broker = MemoryBroker(partitions: 2)
            let both = (0..<2).map { TopicPartition("in", $0) }
            try check.run(
                on: SourceStage(
                    topic: "in",
                    send: { partition, records in
                        for record in records {
                            broker.append(
                                "in", partition: partition, key: record.key, value: record.value,
                                headers: record.headers.map { ($0.name, $0.value) })
                        }
                    },
                    join: {
                        let source = MemorySource(broker: broker)
                        source.post(.assigned(both))
                        return source
                    },
                    rebalance: { ($0 as? MemorySource)?.post(.revoked(both, lost: false)) }, close: {}))
        }
    }

    @Test(arguments: LedgerConformance.allCases) func theLedgerConforms(check: LedgerConformance) async throws {
        let state = MemoryLedger().state
        try await check.run(
            on: LedgerStage(
                open: { _ in MemoryLedger(state) },
                own: { ($0 as? MemoryLedger)?.own($1) ?? [] },
                cancel: { domain, id, reason in
                    #expect(domain == "test")
                    state.update { $0.cancelled[id] = reason }
                },
                written: { state.value.written },
                write: { _ = try await $0.query("INSERT INTO effects (note) VALUES ($1)", [.text($1)]) }, close: {}))
    }

    @Test(arguments: SinkConformance.allCases) func theSinkConforms(check: SinkConformance) async throws {
        try await Self.blocking {
            let broker = MemoryBroker(partitions: 2)
            let stage = try Stage()
            let slot = stage.assign()
            try check.run(
                on: SinkStage(
                    topic: "out", open: { MemorySink(broker: broker, receiver: $0) },
                    makeWork: { stage.accept(slot, lane: nil) },
                    read: { _ in
                        let logs = broker.state.value.logs
                        return (0..<2).map { (logs[TopicPartition("out", $0)] ?? []).map { PlainRecord($0) } }
                    }, close: {}))
        }
    }

    /// The ports block, and must not block Swift's pool.
    private static func blocking(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Void, any Error>) in
            NamedThread.start("test-port") { continuation.resume(with: Result { try body() }) }
        }
    }
}
