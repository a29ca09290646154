#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension DecodingState {
    /// Calls a closure with the bytes of a string without its escapes.
    private func withStringBytes<Result>(at node: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        let entry = document.tape[node]
        return document.withBase { base in
            if entry.has(TapeEntry.escaped) {
                return StringEscapes.unescaped(base, entry.range).withUnsafeBufferPointer(body)
            }
            return body(UnsafeBufferPointer(start: base + Int(entry.start), count: entry.range.count))
        }
    }

    func date(at node: Int) throws -> Date {
        if isKind(.string, node) {
            if let moment = withStringBytes(at: node, { RFC3339.parse($0) }) {
                return FoundationTypes.date(microseconds: moment)
            }
            return try reject(node, .format, "must be an RFC 3339 date-time", Date.self, Self.epoch)
        }
        if isKind(.number, node) {
            return Date(timeIntervalSince1970: try double(at: node))
        }
        return try reject(node, .type, "must be an RFC 3339 date-time string", Date.self, Self.epoch)
    }

    func uuid(at node: Int) throws -> UUID {
        guard isKind(.string, node) else {
            return try reject(node, .type, "must be a UUID string", UUID.self, Self.zeroUUID)
        }
        if let value = withStringBytes(at: node, { FoundationTypes.uuid($0) }) {
            return value
        }
        return try reject(node, .format, "must be a UUID", UUID.self, Self.zeroUUID)
    }

    func url(at node: Int) throws -> URL {
        let placeholder = URL(filePath: "/")
        guard isKind(.string, node) else {
            return try reject(node, .type, "must be a URL string", URL.self, placeholder)
        }
        if let value = URL(string: document.text(at: node)) {
            return value
        }
        return try reject(node, .format, "must be a URL", URL.self, placeholder)
    }

    func data(at node: Int) throws -> Data {
        guard isKind(.string, node) else {
            return try reject(node, .type, "must be a base64 string", Data.self, Data())
        }
        if let value = Data(base64Encoded: document.text(at: node)) {
            return value
        }
        return try reject(node, .format, "must be base64 text", Data.self, Data())
    }

    func decimal(at node: Int) throws -> Decimal {
        let number: NumberText
        if isKind(.number, node) {
            if let small = document.smallInteger(at: node) {
                return Decimal(small)
            }
            number = document.number(at: node)
        } else if isKind(.string, node) {
            let parsed = withStringBytes(at: node) { bytes -> NumberText? in
                guard let base = bytes.baseAddress, NumberText.isNumber(bytes) else {
                    return nil
                }
                return NumberText(base, 0..<bytes.count)
            }
            guard let parsed else {
                return try reject(node, .format, "must be a decimal number", Decimal.self, Decimal(0))
            }
            number = parsed
        } else {
            return try reject(node, .type, "must be a decimal number", Decimal.self, Decimal(0))
        }
        if let value = FoundationTypes.decimal(number) {
            return value
        }
        return try reject(node, .range, "must be a decimal number of at most 38 digits", Decimal.self, Decimal(0))
    }

    private static let epoch = Date(timeIntervalSince1970: 0)
    private static let zeroUUID = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
}
