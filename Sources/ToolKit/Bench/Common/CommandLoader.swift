import Commands
import Foundation
import KafkaClient

/// Sends `lab.run` commands for a measurement. One thread uses it.
final class CommandLoader {
    private let servers: String
    private let producer: KafkaProducer
    private var draft = OutgoingRecord()
    private var failure: KafkaError.Code?

    /// - Parameter linger: Milliseconds that librdkafka waits for a batch to fill.
    init(cluster: BenchCluster, linger: Int = 50) throws {
        self.servers = cluster.servers
        let configuration = KafkaConfiguration([
            "bootstrap.servers": cluster.servers, "linger.ms": "\(linger)", "socket.nagle.disable": "true",
            "queue.buffering.max.messages": "100000",
        ])
        do {
            self.producer = try KafkaProducer(configuration: configuration, logger: cluster.logger)
        } catch {
            throw ToolError(error, servers: cluster.servers)
        }
    }

    private static let padding = String(repeating: "abcdefghij", count: 30)

    /// 230 bytes of JSON that ask for nothing.
    static func echo(_ index: Int, keys: Int) -> String {
        let start = #"{"echo":{"seq":\#(10_000_000 + index),"user":"user-\#(index % keys)","amount":"129.95","note":""#
        return start + self.padding.prefix(max(0, 227 - start.utf8.count)) + "\"}}"
    }

    /// Queues one command; waits while librdkafka has no room.
    func send(key: String, data: String) throws {
        self.draft.reset()
        self.draft.setKey(key.utf8)
        self.draft.addHeader("ce_specversion", "1.0")
        self.draft.addHeader("ce_id", Identifier.commandID(at: BenchClock.wall()))
        self.draft.addHeader("ce_source", "adjutant/bench")
        self.draft.addHeader("ce_type", "lab.run")
        self.draft.addHeader("content-type", "application/json")
        self.draft.setValue(data.utf8)
        while true {
            do {
                return try self.producer.send(self.draft, to: "lab.commands", partition: -1, opaque: nil)
            } catch {
                guard error.code == .queueFull else { throw ToolError(error, servers: self.servers) }
                self.serve(milliseconds: 10)
            }
        }
    }

    /// Takes delivery reports.
    func serve(milliseconds: Int) {
        self.producer.serve(
            milliseconds: milliseconds, failed: { _ in }, { if let code = $0.error { self.failure = code } })
    }

    /// Waits until the broker has everything.
    func finish(seconds: Int) throws {
        let limit = Date(timeIntervalSinceNow: Double(seconds))
        while self.producer.outstanding > 0, Date() < limit { self.serve(milliseconds: 20) }
        if let failure = self.failure { throw ToolError(.error, "commands could not be sent: \(failure.text)") }
        if self.producer.outstanding > 0 {
            throw ToolError(.unreachable, "commands could not be sent to \(self.servers) within \(seconds) s")
        }
    }

    func close() { self.producer.close() }
}
