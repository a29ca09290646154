import Commands
import Foundation
import KafkaClient

/// Fills topics with dead letters, or with commands of the same size. One thread uses it.
struct LetterLoader {
    let cluster: BenchCluster
    let causes: Int

    func fill(_ topic: String, count: Int, asLetters: Bool) throws {
        let producer: KafkaProducer
        do {
            producer = try KafkaProducer(
                configuration: KafkaConfiguration([
                    "bootstrap.servers": self.cluster.servers, "linger.ms": "5", "socket.nagle.disable": "true",
                    "queue.buffering.max.messages": "200000",
                ]), logger: self.cluster.logger)
        } catch {
            throw ToolError(error, servers: self.cluster.servers)
        }
        defer { producer.close() }
        var failure: KafkaError.Code?
        func serve(_ milliseconds: Int) {
            producer.serve(milliseconds: milliseconds, failed: { _ in }, { failure = failure ?? $0.error })
        }
        var draft = OutgoingRecord()
        for index in 0..<count {
            self.write(index, asLetter: asLetters, into: &draft)
            while true {
                do {
                    try producer.send(draft, to: topic, partition: -1, opaque: nil)
                    break
                } catch {
                    guard error.code == .queueFull else { throw ToolError(error) }
                    serve(10)
                }
            }
            if index & 255 == 255 { serve(0) }
        }
        while producer.outstanding > 0 { serve(20) }
        if let failure { throw ToolError(.error, "\(topic) cannot be filled: \(failure.text)") }
    }

    private func write(_ index: Int, asLetter: Bool, into draft: inout OutgoingRecord) {
        let cause = index % self.causes
        draft.reset()
        draft.setKey("key-\(index * 7919 % 5000)".utf8)
        draft.addHeader("content-type", "application/json")
        draft.addHeader("ce_specversion", "1.0")
        draft.addHeader("ce_id", "letter-\(index)")
        draft.addHeader("ce_source", "adjutant/bench")
        draft.addHeader("ce_type", "lab.run")
        if asLetter {
            let message = "CODE_\(cause): timeout after \(index % 97) ms at 'host-\(index % 7)'"
            draft.addHeader("__dlq.errors.topic", "lab.commands")
            draft.addHeader("__dlq.errors.partition", "\(index % self.cluster.partitions)")
            draft.addHeader("__dlq.errors.offset", "\(index)")
            draft.addHeader("__dlq.errors.group", "adjutant.lab")
            draft.addHeader("__dlq.errors.delivery.count", "3")
            draft.addHeader("__dlq.errors.message", message)
            draft.addHeader("adjutant-error-class", "permanent")
            draft.addHeader("adjutant-error-code", "CODE_\(cause)")
            draft.addHeader("adjutant-first-failed", "2026-05-04T10:00:00.000Z")
            draft.addHeader("adjutant-failed", "2026-05-04T10:00:01.000Z")
            draft.addHeader("adjutant-replays", "0")
            draft.addHeader(
                "adjutant-fingerprint",
                Fingerprint.make(failureClass: .permanent, code: "CODE_\(cause)", type: "lab.run", message: message))
        }
        draft.setValue(#"{"echo":{"seq":\#(10_000_000 + index),"amount":"129.95","note":"abcdefghijabcdefghij"}}"#.utf8)
    }
}
