/// One value or one key of a parsed document.
///
/// An object is followed by alternating keys and values, an array by its elements.
struct TapeEntry {
    /// The first byte of the value; of a string or key, the first byte after the quote.
    var start: UInt32
    /// The byte after the value; of a string or key, the closing quote; of an open object, its key filter.
    var end: UInt32
    /// The entry after the whole value; of an open container, its parent; of a key, its fingerprint.
    var next: UInt32
    /// The kind, the flags, and the number of children from bit 8 upwards.
    var info: UInt32

    static let escaped: UInt32 = 1 << 3
    static let whole: UInt32 = 1 << 4
    static let truth: UInt32 = 1 << 5
    static let hasEscapedKey: UInt32 = 1 << 6
    static let oneChild: UInt32 = 1 << 8
    static let countLimit: UInt32 = 0xFF_FFFF
    static let noParent = UInt32.max

    @inline(__always)
    init(kind: JSONKind, flags: UInt32 = 0, start: Int, end: Int, next: UInt32) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
        self.next = next
        self.info = UInt32(kind.rawValue) | flags
    }

    @inline(__always)
    var kind: JSONKind {
        // Every entry is made from a kind, so the low bits always name one.
        JSONKind(rawValue: UInt8(truncatingIfNeeded: info & 7)).unsafelyUnwrapped
    }

    @inline(__always)
    func isKind(_ kind: JSONKind) -> Bool {
        info & 7 == UInt32(kind.rawValue)
    }

    @inline(__always)
    func has(_ flag: UInt32) -> Bool {
        info & flag != 0
    }

    @inline(__always)
    var range: Range<Int> {
        Range(uncheckedBounds: (Int(start), Int(end)))
    }

    /// The number of members or elements, which stops counting at `countLimit`.
    @inline(__always)
    var childCount: Int {
        Int(info >> 8)
    }
}
