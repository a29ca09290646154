import Foundation

/// A command as a program without Adjutant's library would write it.
struct CommandMessage: Sendable {
    enum Mode: Sendable, CaseIterable { case binary, structured }

    var id: String
    var key: String?
    /// JSON.
    var data = "{}"
    var mode = Mode.binary
    var type = "lab.run"
    /// Further attributes of the envelope.
    var attributes: [String: String] = [:]
    /// Plain Kafka headers.
    var headers: [String: String] = [:]

    private var envelope: [String: String] {
        ["specversion": "1.0", "id": self.id, "source": "tests", "type": self.type]
            .merging(self.attributes) { $1 }
    }

    var kafkaHeaders: [(name: String, value: [UInt8])] {
        let plain = self.headers.map { ($0.key, Array($0.value.utf8)) }
        switch self.mode {
        case .binary:
            return [("content-type", Array("application/json".utf8))] + plain
                + self.envelope.sorted { $0.key < $1.key }.map { ("ce_\($0.key)", Array($0.value.utf8)) }
        case .structured:
            return [("content-type", Array("application/cloudevents+json; charset=UTF-8".utf8))] + plain
        }
    }

    var value: [UInt8] {
        guard self.mode == .structured else { return Array(self.data.utf8) }
        let attributes = self.envelope.sorted { $0.key < $1.key }.map { #""\#($0.key)":"\#($0.value)""# }
        return Array(
            "{\(attributes.joined(separator: ",")),\"datacontenttype\":\"application/json\",\"data\":\(self.data)}".utf8
        )
    }
}

/// A load of `lab.run` commands over a number of keys, in order per key: `echo` says the key and the place in its row.
struct Load: Sendable {
    var name: String
    var count: Int
    var keys: Int
    /// Milliseconds that a handler takes, as JSON: a number or an object with `min` and `max`.
    var duration: String?
    /// The last twenty take two seconds each, so that trouble in the middle is in time on a slow machine, too.
    var hasLongTail = false

    init(_ name: String, count: Int, keys: Int, duration: String? = nil) {
        self.name = name
        self.count = count
        self.keys = keys
        self.duration = duration
    }

    func message(_ index: Int) -> CommandMessage {
        let duration = self.hasLongTail && index >= self.count - 20 ? "5000" : self.duration
        let wait = duration.map { #","durationMs":\#($0)"# } ?? ""
        return CommandMessage(
            id: self.id(index), key: "\(self.name)-key-\(index % self.keys)",
            data: #"{"echo":{"row":\#(index / self.keys)}\#(wait)}"#, mode: index % 2 == 0 ? .binary : .structured)
    }

    func id(_ index: Int) -> String { "\(self.name)-\(index)" }

    var ids: Set<String> { Set((0..<self.count).map { self.id($0) }) }
}
