/// A validated JSON document: its bytes and an index of its values.
public struct JSONDocument: Sendable {
    /// The bytes of the document, with the indices of the array they came from.
    public let bytes: ArraySlice<UInt8>
    /// The limits which the document respects.
    public let limits: JSONLimits
    let tape: [TapeEntry]

    /// Parses a slice without copying it; throws the first violation of RFC 8259 or of the limits.
    public init(parsing bytes: ArraySlice<UInt8>, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        guard bytes.count <= min(limits.maxBytes, Int(Int32.max)) else {
            throw JSONError(code: .tooLarge, offset: 0, path: "", message: "the document is too large")
        }
        self.bytes = bytes
        self.limits = limits
        self.tape = try bytes.withUnsafeBufferPointer { (buffer) throws(JSONError) -> [TapeEntry] in
            guard let base = buffer.baseAddress, !buffer.isEmpty else {
                throw JSONError(code: .unexpectedEnd, offset: 0, path: "", message: "the document is empty")
            }
            var parser = TapeParser(base: base, count: buffer.count, limits: limits)
            try parser.parse()
            return parser.tape
        }
    }

    /// Parses an array without copying it; throws the first violation of RFC 8259 or of the limits.
    public init(parsing bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
        try self.init(parsing: bytes[...], limits: limits)
    }

    /// Parses a range of an array without copying it; the range must lie within the array.
    public init(bytes: [UInt8], range: Range<Int>, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        try self.init(parsing: bytes[range], limits: limits)
    }

    /// Copies and parses borrowed bytes; throws the first violation of RFC 8259 or of the limits.
    public init(parsing bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        guard bytes.count <= limits.maxBytes else {
            throw JSONError(code: .tooLarge, offset: 0, path: "", message: "the document is too large")
        }
        try self.init(parsing: Array(bytes)[...], limits: limits)
    }

    /// Parses text; throws the first violation of RFC 8259 or of the limits.
    public init(parsing text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        try self.init(parsing: Array(text.utf8)[...], limits: limits)
    }

    /// The value which the document consists of.
    public var root: JSONNode {
        JSONNode(document: self, index: 0)
    }
}

extension JSONDocument {
    /// Calls a closure with the first byte of the document, from which tape offsets count.
    @inline(__always)
    func withBase<Result, Failure: Error>(
        _ body: (UnsafePointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // A document is never empty, so the buffer always has an address.
        try bytes.withUnsafeBufferPointer { (buffer) throws(Failure) -> Result in
            try body(buffer.baseAddress.unsafelyUnwrapped)
        }
    }

    /// The text of a string or key.
    @inline(__always)
    func text(at index: Int) -> String {
        let entry = tape[index]
        return withBase { base in
            if entry.has(TapeEntry.escaped) {
                return StringEscapes.unescapedText(base, entry.range)
            }
            let start = base + Int(entry.start)
            return String(decoding: UnsafeBufferPointer(start: start, count: entry.range.count), as: UTF8.self)
        }
    }

    /// The parts of the number at an index.
    func number(at index: Int) -> NumberText {
        withBase { NumberText($0, tape[index].range) }
    }

    /// The text of the number at an index.
    func numberText(at index: Int) -> String {
        let range = tape[index].range
        return withBase { base in
            let start = base + range.lowerBound
            return String(decoding: UnsafeBufferPointer(start: start, count: range.count), as: UTF8.self)
        }
    }

    /// The range of a whole value, quotes included, as offsets from the start of the document.
    func offsets(of index: Int) -> Range<Int> {
        let entry = tape[index]
        return entry.isKind(.string) ? entry.range.lowerBound - 1..<entry.range.upperBound + 1 : entry.range
    }

    /// The entry after a whole value.
    @inline(__always)
    func index(after index: Int) -> Int {
        Int(tape[index].next)
    }

    /// The number of members or elements of a container.
    func childCount(of index: Int) -> Int {
        let entry = tape[index]
        if entry.childCount < Int(TapeEntry.countLimit) {
            return entry.childCount
        }
        let step = entry.isKind(.object) ? 1 : 0
        var count = 0
        var child = index + 1
        while child < Int(entry.next) {
            child = Int(tape[child + step].next)
            count += 1
        }
        return count
    }
}
