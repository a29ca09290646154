/// A JSON value kept as its own bytes: what passes through unread costs one copy and comes out as it came.
///
/// Decoded by ``FastJSONDecoder`` it holds the sender's spelling, white space included; other decoders give an equal
/// value in a spelling of their own.
public struct JSONFragment: Sendable, Hashable {
    /// One complete JSON value.
    public let bytes: [UInt8]

    /// Takes bytes that are known to be one complete JSON value; they are not checked.
    public init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    /// The value `null`.
    public static let null = JSONFragment(unchecked: Array("null".utf8))
}

extension JSONFragment: Codable {
    public init(from decoder: any Decoder) throws {
        let value = try JSONValue(from: decoder)
        self.bytes = try FastJSONEncoder().encode(value)
    }

    public func encode(to encoder: any Encoder) throws {
        try JSONValue(JSONDocument(parsing: self.bytes).root).encode(to: encoder)
    }
}
