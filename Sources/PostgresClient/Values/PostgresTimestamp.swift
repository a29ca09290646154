/// A moment as PostgreSQL keeps `timestamptz`: in microseconds.
package struct PostgresTimestamp: Hashable, Comparable, Sendable {
    /// Since 1970-01-01 00:00 UTC.
    package var microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }

    /// PostgreSQL counts from 2000-01-01.
    private static let epoch: Int64 = 946_684_800_000_000
    package static let infinity = PostgresTimestamp(microseconds: .max)
    package static let minusInfinity = PostgresTimestamp(microseconds: .min)

    /// What travels: the two extreme values stand for infinity on both sides.
    var wire: Int64 {
        if self.microseconds == .max || self.microseconds == .min { return self.microseconds }
        let (value, overflow) = self.microseconds.subtractingReportingOverflow(Self.epoch)
        return overflow ? .min : value
    }

    init(wire: Int64) {
        if wire == .max || wire == .min {
            self.microseconds = wire
        } else {
            let (value, overflow) = wire.addingReportingOverflow(Self.epoch)
            self.microseconds = overflow ? .max : value
        }
    }

    package static func < (left: Self, right: Self) -> Bool { left.microseconds < right.microseconds }
}
