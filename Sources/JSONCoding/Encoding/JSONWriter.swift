/// Writes JSON by hand into a buffer; commas and colons are added where they belong.
///
/// The caller balances the calls; a key must be followed by exactly one value.
public struct JSONWriter: Sendable {
    /// The text so far.
    public private(set) var bytes: [UInt8]
    /// Whether the next key or value is the first of its container or follows a key.
    private var needsComma = false

    /// Creates a writer which appends to bytes; moving a buffer in keeps its storage.
    public init(appendingTo bytes: consuming [UInt8] = []) {
        self.bytes = bytes
    }

    /// The number of bytes in the buffer.
    public var count: Int {
        bytes.count
    }

    /// Ends the use of the writer and hands its buffer back.
    public consuming func finish() -> [UInt8] {
        bytes
    }

    /// Opens an object.
    public mutating func beginObject() {
        comma()
        bytes.append(UInt8(ascii: "{"))
        needsComma = false
    }

    /// Closes the innermost object.
    public mutating func endObject() {
        bytes.append(UInt8(ascii: "}"))
        needsComma = true
    }

    /// Opens an array.
    public mutating func beginArray() {
        comma()
        bytes.append(UInt8(ascii: "["))
        needsComma = false
    }

    /// Closes the innermost array.
    public mutating func endArray() {
        bytes.append(UInt8(ascii: "]"))
        needsComma = true
    }

    /// Writes a key which needs no escapes.
    public mutating func key(_ key: StaticString) {
        key.withUTF8Buffer { plainKey($0) }
    }

    /// Writes a key given as UTF-8 which needs no escapes.
    public mutating func key(_ key: [UInt8]) {
        key.withUnsafeBufferPointer { plainKey($0) }
    }

    /// Writes a key with the escapes which it needs.
    public mutating func key(escaping key: String) {
        comma()
        JSONText.append(key, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a string.
    public mutating func string(_ text: String) {
        comma()
        JSONText.append(text, to: &bytes)
    }

    /// Writes a string.
    public mutating func string(_ text: Substring) {
        comma()
        var text = text
        text.withUTF8 { JSONText.append($0, to: &bytes) }
    }

    /// Writes a string given as valid UTF-8.
    public mutating func string(_ utf8: [UInt8]) {
        comma()
        utf8.withUnsafeBufferPointer { JSONText.append($0, to: &bytes) }
    }

    /// Writes a string given as valid UTF-8.
    public mutating func string(_ utf8: ArraySlice<UInt8>) {
        comma()
        utf8.withUnsafeBufferPointer { JSONText.append($0, to: &bytes) }
    }

    /// Writes a string given as valid UTF-8.
    public mutating func string(_ utf8: UnsafeBufferPointer<UInt8>) {
        comma()
        JSONText.append(utf8, to: &bytes)
    }

    /// Writes a whole number.
    public mutating func int(_ value: Int) {
        comma()
        JSONText.append(value, to: &bytes)
    }

    /// Writes a whole number.
    public mutating func int(_ value: some FixedWidthInteger) {
        comma()
        JSONText.append(value, to: &bytes)
    }

    /// Writes a double as the shortest text which reads back; writes null when it is not finite.
    public mutating func double(_ value: Double) {
        comma()
        JSONText.append(plain: value.isFinite ? NumberFormat.text(value) : "null", to: &bytes)
    }

    /// Writes a boolean.
    public mutating func bool(_ value: Bool) {
        comma()
        JSONText.append(value, to: &bytes)
    }

    /// Writes null.
    public mutating func null() {
        comma()
        JSONText.append(plain: "null", to: &bytes)
    }

    /// Writes a value of any kind.
    public mutating func value(_ value: JSONValue) {
        comma()
        JSONText.append(value, to: &bytes)
    }

    /// Writes a moment, given in microseconds since 1970 UTC, as RFC 3339 text.
    public mutating func timestamp(_ microseconds: Int64, precision: RFC3339.Precision = .milliseconds) {
        comma()
        bytes.append(UInt8(ascii: "\""))
        RFC3339.append(microseconds, precision: precision, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// The same, by way of a clock face, for moments that mostly lie close together.
    public mutating func timestamp(
        _ microseconds: Int64, precision: RFC3339.Precision = .milliseconds, on face: inout RFC3339.Face
    ) {
        comma()
        bytes.append(UInt8(ascii: "\""))
        face.append(microseconds, precision: precision, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Writes bytes which are a complete JSON value; they are not checked.
    public mutating func rawJSON(_ json: [UInt8]) {
        comma()
        bytes.append(contentsOf: json)
    }

    /// Writes bytes which are a complete JSON value; they are not checked.
    public mutating func rawJSON(_ json: ArraySlice<UInt8>) {
        comma()
        bytes.append(contentsOf: json)
    }

    @inline(__always)
    private mutating func comma() {
        if needsComma {
            bytes.append(UInt8(ascii: ","))
        }
        needsComma = true
    }

    @inline(__always)
    private mutating func plainKey(_ key: UnsafeBufferPointer<UInt8>) {
        let needsComma = needsComma
        bytes.append(atMost: key.count + 4) { target in
            var end = target
            if needsComma {
                end[0] = UInt8(ascii: ",")
                end += 1
            }
            end[0] = UInt8(ascii: "\"")
            if let base = key.baseAddress {
                (end + 1).update(from: base, count: key.count)
            }
            end += key.count + 1
            end[0] = UInt8(ascii: "\"")
            end[1] = UInt8(ascii: ":")
            return end + 2 - target
        }
        self.needsComma = false
    }
}
