/// Why a filter cannot be understood: which term, and what to write instead.
package struct LetterFilterError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The term, as it was written.
    package var term: String
    package var message: String

    package var description: String { "the filter's term \(self.term): \(self.message)" }
}
