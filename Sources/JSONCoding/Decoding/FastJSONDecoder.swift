/// Decodes values from JSON documents.
///
/// Dates are RFC 3339 text or seconds since 1970, data is base64 text, and decimals are numbers or number text.
public struct FastJSONDecoder: Sendable {
    /// The bounds for documents which are parsed from bytes.
    public var limits: JSONLimits
    /// Whether the key `user_id` is read where `userId` is asked for and absent.
    public var acceptsSnakeCase: Bool
    /// The number of problems after which collecting stops.
    public var maxProblems: Int

    /// Creates a decoder.
    public init(limits: JSONLimits = JSONLimits(), acceptsSnakeCase: Bool = true, maxProblems: Int = 1000) {
        self.limits = limits
        self.acceptsSnakeCase = acceptsSnakeCase
        self.maxProblems = maxProblems
    }

    /// Decodes a value from a document; throws `DecodingError` or what the type itself throws.
    public func decode<T: Decodable>(_ type: T.Type, from document: JSONDocument) throws -> T {
        try DecodingState(document, self).decode(type, at: 0)
    }

    /// Decodes a value from bytes; throws `JSONError` for a bad document, else `DecodingError`.
    public func decode<T: Decodable>(_ type: T.Type, from bytes: [UInt8]) throws -> T {
        try decode(type, from: JSONDocument(parsing: bytes, limits: limits))
    }

    /// Decodes a value from a slice; throws `JSONError` for a bad document, else `DecodingError`.
    public func decode<T: Decodable>(_ type: T.Type, from bytes: ArraySlice<UInt8>) throws -> T {
        try decode(type, from: JSONDocument(parsing: bytes, limits: limits))
    }

    /// Decodes a value from one value of a document; throws `DecodingError` or what the type itself throws.
    public func decode<T: Decodable>(_ type: T.Type, from node: JSONNode) throws -> T {
        try DecodingState(node.document, self).decode(type, at: node.index)
    }

    /// Decodes a value and reports every problem of the document; without problems there is a value.
    ///
    /// With problems the value, if any, holds placeholders in their places.
    public func decodeCollecting<T: Decodable>(
        _ type: T.Type,
        from document: JSONDocument
    ) -> (value: T?, problems: [JSONProblem]) {
        let state = DecodingState(document, self)
        if let value = try? state.decode(type, at: 0) {
            return (value, [])
        }
        return state.collect(type)
    }
}
