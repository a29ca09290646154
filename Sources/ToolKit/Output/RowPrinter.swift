import JSONCoding

/// Prints rows as JSON one by one, while they are found; one thread uses it.
final class RowPrinter {
    private let isArray: Bool
    private let encoder = FastJSONEncoder()
    private var bytes: [UInt8] = []
    private var count = 0

    init(_ format: OutputFormat) { self.isArray = format == .json }

    func print(_ row: some Encodable) throws {
        if self.isArray { self.bytes.append(contentsOf: (self.count == 0 ? "[\n" : ",\n").utf8) }
        try self.encoder.encode(row, into: &self.bytes)
        if !self.isArray { self.bytes.append(UInt8(ascii: "\n")) }
        self.count += 1
        if self.bytes.count > 32_768 { self.flush() }
    }

    func end() {
        if self.isArray { self.bytes.append(contentsOf: (self.count == 0 ? "[]\n" : "\n]\n").utf8) }
        self.flush()
    }

    private func flush() {
        StandardStream.output.write(self.bytes)
        self.bytes.removeAll(keepingCapacity: true)
    }
}
