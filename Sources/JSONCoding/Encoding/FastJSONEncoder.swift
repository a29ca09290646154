/// Encodes values as compact JSON.
///
/// Dates are RFC 3339 text in UTC with milliseconds, data is base64 text, decimals are numbers, the members of
/// dictionaries stand in the byte order of their keys.
public struct FastJSONEncoder: Sendable {
    /// Creates an encoder.
    public init() {}

    /// Appends a value to a buffer, which stays as it was on failure; throws `EncodingError`, among others for numbers
    /// which are not finite, or what the value itself throws.
    public func encode<T: Encodable>(_ value: T, into buffer: inout [UInt8]) throws {
        var state = EncodingStatePool.shared.take()
        try state.encodeRoot(value)
        buffer.append(contentsOf: state.buffer.bytes)
        EncodingStatePool.shared.give(back: &state)
    }

    /// The bytes of a value; throws `EncodingError`, among others for numbers which are not finite, or what the value
    /// itself throws.
    public func encode<T: Encodable>(_ value: T) throws -> [UInt8] {
        var state = EncodingStatePool.shared.take()
        try state.encodeRoot(value)
        let bytes = Array(state.buffer.bytes)
        EncodingStatePool.shared.give(back: &state)
        return bytes
    }
}
