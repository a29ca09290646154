/// The W3C trace context header: `00-<trace id>-<parent id>-<flags>`.
package enum TraceParent {
    /// Appends the header for what this hop sends: the same trace, a new parent id. What cannot be read goes on
    /// unchanged, as the specification asks of those who do not take part.
    package static func appendChild(of parent: [UInt8], to bytes: inout [UInt8]) {
        guard parent.count >= 55, parent[2] == 45, parent[35] == 45, parent[52] == 45 else {
            bytes.append(contentsOf: parent)
            return
        }
        bytes.append(contentsOf: parent[0..<36])
        var id = UInt64.random(in: 1...UInt64.max)
        for _ in 0..<16 {
            let nibble = UInt8(truncatingIfNeeded: id >> 60)
            bytes.append(nibble < 10 ? 48 + nibble : 87 + nibble)
            id <<= 4
        }
        bytes.append(contentsOf: parent[52...])
    }
}
