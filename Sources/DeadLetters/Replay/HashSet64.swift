/// A set of hashes: they are mixed already, so that they say themselves where they lie.
struct HashSet64: Sendable {
    /// 0 for nothing.
    private var slots: [UInt64]
    private var count = 0

    init() { self.slots = Array(repeating: 0, count: 1 << 10) }

    func contains(_ hash: Int) -> Bool {
        let value = Self.value(hash)
        return self.slots.withUnsafeBufferPointer { $0[Self.slot(of: value, in: $0)] == value }
    }

    /// - Returns: Whether it was new.
    @discardableResult
    mutating func insert(_ hash: Int) -> Bool {
        if self.count * 2 >= self.slots.count { self.grow() }
        let value = Self.value(hash)
        let isNew = self.slots.withUnsafeMutableBufferPointer { slots in
            let slot = Self.slot(of: value, in: UnsafeBufferPointer(slots))
            defer { slots[slot] = value }
            return slots[slot] == 0
        }
        if isNew { self.count += 1 }
        return isNew
    }

    private static func value(_ hash: Int) -> UInt64 { hash == 0 ? 1 : UInt64(bitPattern: Int64(hash)) }

    /// Where the value is, or would be.
    private static func slot(of value: UInt64, in slots: UnsafeBufferPointer<UInt64>) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: value) & mask
        while slots[slot] != 0, slots[slot] != value { slot = (slot + 1) & mask }
        return slot
    }

    private mutating func grow() {
        let old = self.slots
        self.slots = Array(repeating: 0, count: old.count * 2)
        self.slots.withUnsafeMutableBufferPointer { slots in
            for value in old where value != 0 { slots[Self.slot(of: value, in: UnsafeBufferPointer(slots))] = value }
        }
    }
}
