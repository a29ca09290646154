/// Bounds which a document must respect before any of it is interpreted.
public struct JSONLimits: Sendable, Hashable {
    /// The deepest nesting of arrays and objects; values above 512 count as 512.
    public var maxDepth: Int
    /// The largest document, in bytes.
    public var maxBytes: Int
    /// Whether an object may hold the same key twice, in which case the last member wins.
    public var allowsDuplicateKeys: Bool

    /// Creates limits; the defaults suit messages from strangers.
    public init(maxDepth: Int = 64, maxBytes: Int = 1_048_576, allowsDuplicateKeys: Bool = false) {
        self.maxDepth = maxDepth
        self.maxBytes = maxBytes
        self.allowsDuplicateKeys = allowsDuplicateKeys
    }

    /// The nesting which is safe for recursive consumers of a document.
    static let deepest = 512
}
