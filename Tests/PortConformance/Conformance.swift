import Commands
import Foundation

/// A port's adapter did something else than the port promises.
package struct ConformanceFailure: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// Throws unless the condition holds.
func check(_ condition: @autoclosure () -> Bool, _ message: @autoclosure () -> String) throws {
    if !condition() { throw ConformanceFailure(description: message()) }
}

/// A record as the checks write it and expect it back.
package struct PlainRecord: Sendable, Equatable, CustomStringConvertible {
    package struct Header: Sendable, Equatable {
        package var name: String
        package var value: [UInt8]?

        package init(name: String, value: [UInt8]?) {
            self.name = name
            self.value = value
        }
    }

    package var key: [UInt8]?
    package var value: [UInt8]?
    package var headers: [Header]

    package init(key: [UInt8]?, value: [UInt8]?, headers: [Header] = []) {
        self.key = key
        self.value = value
        self.headers = headers
    }

    package init(_ record: Record) {
        func bytes(_ span: ByteSpan) -> [UInt8]? { span.isNull ? nil : Array(record[span]) }
        self.key = bytes(record.key)
        self.value = bytes(record.value)
        self.headers = record.headers.map { Header(name: record.text($0.name) ?? "", value: bytes($0.value)) }
    }

    package var description: String { "key \(self.key as Any), value \(self.value as Any), headers \(self.headers)" }

    /// A numbered one, with a value of that size.
    static func numbered(_ number: Int, key: String = "k", bytes: Int = 10) -> PlainRecord {
        let text = "\(number) " + String(repeating: "x", count: max(0, bytes - "\(number) ".utf8.count))
        return PlainRecord(key: Array(key.utf8), value: Array(text.utf8))
    }

    /// The number of a numbered one.
    package var number: Int? {
        self.value.flatMap { Int(String(decoding: $0.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)) }
    }

    /// Null and empty are two things, and names may repeat.
    static let odd: [PlainRecord] = [
        PlainRecord(key: nil, value: nil), PlainRecord(key: [], value: []),
        PlainRecord(key: [0, 0xff], value: [0, 1, 2]),
        PlainRecord(
            key: [1], value: [2],
            headers: [
                Header(name: "a", value: nil), Header(name: "a", value: []), Header(name: "b", value: [0xff, 0]),
                Header(name: "ä", value: [1]),
            ]),
    ]
}
