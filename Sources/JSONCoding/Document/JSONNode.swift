/// One value of a document.
public struct JSONNode: Sendable {
    /// The document which the value belongs to.
    public let document: JSONDocument
    let index: Int

    /// The kind of the value.
    public var kind: JSONKind {
        document.tape[index].kind
    }

    /// Whether the value is `null`.
    public var isNull: Bool {
        kind == .null
    }

    /// The boolean, or nil for another kind.
    public var boolValue: Bool? {
        kind == .bool ? document.tape[index].has(TapeEntry.truth) : nil
    }

    /// The text of a string without its escapes, or nil for another kind.
    public var stringValue: String? {
        kind == .string ? document.text(at: index) : nil
    }

    /// The whole number, or nil for another kind or a number which does not fit.
    public var int64Value: Int64? {
        kind == .number ? document.number(at: index).integer(as: Int64.self) : nil
    }

    /// The exact text of a number, or nil for another kind.
    public var numberText: String? {
        kind == .number ? document.numberText(at: index) : nil
    }

    /// The range of the value, quotes and brackets included, in the indices of the bytes of the document.
    public var byteRange: Range<Int> {
        let offsets = document.offsets(of: index)
        let start = document.bytes.startIndex
        return start + offsets.lowerBound..<start + offsets.upperBound
    }

    /// The bytes of the value as they stand in the document, quotes and brackets included.
    public var rawBytes: ArraySlice<UInt8> {
        document.bytes[byteRange]
    }

    /// The bytes between the quotes of a string without escapes, or nil for anything else.
    public var plainStringBytes: ArraySlice<UInt8>? {
        let entry = document.tape[index]
        guard entry.isKind(.string), !entry.has(TapeEntry.escaped) else {
            return nil
        }
        let start = document.bytes.startIndex
        return document.bytes[start + entry.range.lowerBound..<start + entry.range.upperBound]
    }

    /// The number of members or elements; 0 for a scalar.
    public var count: Int {
        document.childCount(of: index)
    }

    /// The member with a key, or nil when there is none or the value is not an object.
    public subscript(key: String) -> JSONNode? {
        guard kind == .object else {
            return nil
        }
        var key = key
        let found = key.withUTF8 { document.find($0, in: index) }
        return found < 0 ? nil : JSONNode(document: document, index: found)
    }

    /// The element at a position, or nil when there is none or the value is not an array; takes linear time.
    public subscript(position: Int) -> JSONNode? {
        guard kind == .array, position >= 0, position < count else {
            return nil
        }
        var child = index + 1
        for _ in 0..<position {
            child = document.index(after: child)
        }
        return JSONNode(document: document, index: child)
    }

    /// The members of an object in document order; empty for another kind.
    public var members: JSONMembers {
        JSONMembers(document: document, position: index + 1, end: kind == .object ? document.index(after: index) : 0)
    }

    /// The elements of an array in document order; empty for another kind.
    public var elements: JSONElements {
        JSONElements(document: document, position: index + 1, end: kind == .array ? document.index(after: index) : 0)
    }
}
