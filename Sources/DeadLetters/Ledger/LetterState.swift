/// What became of a dead letter.
package enum LetterState: String, Sendable, CaseIterable, Codable {
    /// Nothing yet.
    case parked
    /// It was sent again; if it failed again, that is another letter.
    case replayed
    /// Finished by hand, with a result.
    case resolved
    /// Given up for good.
    case discarded
    /// Replayed too often; a copy lies on the topic of parked letters.
    case quarantined
}
