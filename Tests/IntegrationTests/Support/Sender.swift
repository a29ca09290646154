import Commands
import Foundation
import KafkaClient
import Logging

/// A program that sends commands and knows nothing of Adjutant but its contract.
final class Sender: Sendable {
    private let producer: KafkaProducer

    init(_ bootstrap: String) throws {
        self.producer = try KafkaProducer(
            configuration: KafkaConfiguration([
                "bootstrap.servers": bootstrap, "message.max.bytes": "16000000", "linger.ms": "5",
            ]), logger: .silent)
    }

    func send(_ message: CommandMessage, to topic: String = "lab.commands", partition: Int32 = -1) throws {
        try self.send(
            key: message.key.map { Array($0.utf8) }, value: message.value, headers: message.kafkaHeaders, to: topic,
            partition: partition)
    }

    func send(
        key: [UInt8]?, value: [UInt8]?, headers: [(name: String, value: [UInt8])], to topic: String = "lab.commands",
        partition: Int32 = -1
    ) throws {
        var draft = OutgoingRecord()
        if let key { draft.setKey(key) }
        for (name, value) in headers { draft.addHeader(name, bytes: value) }
        if let value { draft.setValue(value) }
        if partition >= 0 { self.producer.open(topic, partitions: partition + 1) }
        while try !self.queue(draft, topic: topic, partition: partition) { try self.serve(milliseconds: 10) }
    }

    /// False when there is no room now.
    private func queue(_ draft: OutgoingRecord, topic: String, partition: Int32) throws -> Bool {
        do {
            try self.producer.send(draft, to: topic, partition: partition, opaque: nil)
            return true
        } catch {
            guard error.code == .queueFull else { throw error }
            return false
        }
    }

    func send(_ load: Load, _ range: Range<Int>? = nil) throws {
        for index in range ?? 0..<load.count { try self.send(load.message(index)) }
        try self.flush()
    }

    /// Waits until the broker has everything.
    func flush(seconds: Double = 180) throws {
        let limit = Date(timeIntervalSinceNow: seconds)
        while self.producer.outstanding > 0 {
            guard Date() < limit else { throw HarnessError("commands could not be sent within \(seconds) s") }
            try self.serve(milliseconds: 20)
        }
    }

    private func serve(milliseconds: Int) throws {
        var refused: KafkaError.Code?
        self.producer.serve(milliseconds: milliseconds, failed: { _ in }) { refused = refused ?? $0.error }
        if let refused { throw HarnessError("a command was refused: \(refused.text)") }
    }

    func close() { self.producer.close() }
}

extension Logger {
    static var silent: Logger { Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() } }
}
