/// One thing wrong with a command's data.
public struct Problem: Sendable, Hashable, Codable {
    /// Where, as dotted names with indexes: `items[0].price`; empty for the whole document.
    public var path: String
    /// A short word for programs: `required`, `type`, `format`, `range`, `invalid`, or the service's own.
    public var code: String
    /// A sentence for people, never containing the offending value.
    public var message: String

    public init(path: String, code: String, message: String) {
        self.path = path
        self.code = code
        self.message = message
    }
}

/// Collects the problems of one command of type `Root`, so that a sender learns of all of them at once.
public struct ProblemCollector<Root> {
    public private(set) var problems: [Problem]
    /// Where decoding has failed.
    private let unusable: Set<String>
    /// What lies above those places.
    private let damaged: Set<String>

    /// - Parameter decoding: What decoding has already reported; complaints about the same places are dropped, since
    ///   the values there are placeholders.
    package init(decoding: [Problem] = []) {
        self.problems = decoding
        self.unusable = Set(decoding.map(\.path))
        self.damaged = Set(decoding.flatMap { Self.ancestors(of: $0.path) })
    }

    /// How many problems are kept, those of decoding included: nobody reads more.
    private static var most: Int { 1000 }

    /// Adds a problem at a stored property unless the condition holds.
    public mutating func require(
        _ condition: @autoclosure () -> Bool, at path: PartialKeyPath<Root>, _ message: String,
        code: String = "invalid"
    ) {
        if !condition() { self.add(at: Self.text(of: path), code: code, message) }
    }

    /// Adds a problem at a path written as text, `items[0].price`, unless the condition holds.
    public mutating func require(
        _ condition: @autoclosure () -> Bool, at path: String, _ message: String, code: String = "invalid"
    ) {
        if !condition() { self.add(at: path, code: code, message) }
    }

    /// Adds a problem, unless there are a thousand already.
    public mutating func add(at path: String, code: String = "invalid", _ message: String) {
        guard self.problems.count < Self.most, self.isUsable(path) else { return }
        self.problems.append(Problem(path: path, code: code, message: message))
    }

    /// Whether decoding found nothing wrong at this path, above it or below it: ask before a rule that joins fields.
    public func isUsable(_ path: String) -> Bool {
        if self.unusable.isEmpty { return true }
        if self.unusable.contains("") || self.unusable.contains(path) || self.damaged.contains(path) { return false }
        return !Self.ancestors(of: path).contains { self.unusable.contains($0) }
    }

    /// `items[0].price` → `items`, `items[0]`.
    private static func ancestors(of path: String) -> some Sequence<String> {
        path.utf8.indices.lazy
            .filter { path.utf8[$0] == UInt8(ascii: ".") || path.utf8[$0] == UInt8(ascii: "[") }
            .map { String(path[..<$0]) }
    }

    /// `\Payment.amount` → `amount`. Key paths of stored properties print their names; for others, pass text.
    static func text(of path: PartialKeyPath<Root>) -> String {
        let printed = "\(path)"
        guard let dot = printed.firstIndex(of: ".") else { return printed }
        return String(printed[printed.index(after: dot)...].filter { $0 != "?" })
    }
}
