/// Why something that was asked of the records was not done.
package struct LedgerError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        case notFound
        /// What is there stands against it.
        case conflict
        /// What was asked for makes no sense.
        case invalid
    }

    package let kind: Kind
    package let message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var description: String { self.message }
}
