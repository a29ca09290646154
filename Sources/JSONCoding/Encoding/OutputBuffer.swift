/// A growing run of bytes with the identity of an object, so that encoders can share it at little cost.
final class OutputBuffer: ByteSink {
    private var base: UnsafeMutablePointer<UInt8>
    private(set) var capacity: Int
    private(set) var count = 0

    init(capacity: Int = 512) {
        self.capacity = capacity
        base = .allocate(capacity: capacity)
    }

    deinit {
        base.deallocate()
    }

    /// The bytes, valid until the next change.
    var bytes: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: base, count: count)
    }

    @inline(__always)
    func append(_ byte: UInt8) {
        if count == capacity {
            grow(by: 1)
        }
        base[count] = byte
        count &+= 1
    }

    @inline(__always)
    func append(contentsOf bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress else {
            return
        }
        if capacity &- count < bytes.count {
            grow(by: bytes.count)
        }
        (base + count).update(from: source, count: bytes.count)
        count &+= bytes.count
    }

    @inline(__always)
    func append(atMost needed: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Int) {
        if capacity &- count < needed {
            grow(by: needed)
        }
        count &+= write(base + count)
    }

    @inline(never)
    private func grow(by needed: Int) {
        let larger = max(capacity * 2, count + needed)
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        moved.update(from: base, count: count)
        base.deallocate()
        base = moved
        capacity = larger
    }

    /// Appends a string with its quotes and escapes.
    @inline(__always)
    func write(_ text: consuming String) {
        var sink = self
        JSONText.append(text, to: &sink)
    }

    /// Appends a whole number.
    @inline(__always)
    func write<Integer: FixedWidthInteger>(_ value: Integer) {
        var sink = self
        JSONText.append(value, to: &sink)
    }

    /// Appends a boolean.
    @inline(__always)
    func write(_ value: Bool) {
        var sink = self
        JSONText.append(value, to: &sink)
    }

    /// Appends a value of any kind.
    func write(_ value: JSONValue) {
        var sink = self
        JSONText.append(value, to: &sink)
    }

    /// Appends text which needs neither quotes nor escapes.
    @inline(__always)
    func write(plain text: String) {
        var sink = self
        JSONText.append(plain: text, to: &sink)
    }

    /// Appends bytes as they are.
    @inline(__always)
    func write(raw bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { append(contentsOf: $0) }
    }

    /// Appends null.
    @inline(__always)
    func writeNull() {
        write(plain: "null")
    }

    /// Drops the bytes from an index on.
    func truncate(to count: Int) {
        self.count = count
    }

    /// Replaces one byte.
    func replace(at index: Int, with byte: UInt8) {
        precondition(index < count)
        base[index] = byte
    }

    /// Replaces the bytes from an index on.
    func replaceTail(from index: Int, with bytes: [UInt8]) {
        count = index
        bytes.withUnsafeBufferPointer { append(contentsOf: $0) }
    }

    /// Moves the bytes from an index on to an earlier index; returns how many there are.
    func moveTail(from start: Int, to place: Int) -> Int {
        let tail = Array(bytes[start...])
        let between = Array(bytes[place..<start])
        replaceTail(from: place, with: tail + between)
        return tail.count
    }

    /// Removes bytes within the buffer.
    func remove(_ range: Range<Int>) {
        replaceTail(from: range.lowerBound, with: Array(bytes[range.upperBound...]))
    }
}
