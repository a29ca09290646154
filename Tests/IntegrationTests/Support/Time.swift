import Foundation

/// RFC 3339, by Foundation rather than by the code under test.
enum Time {
    static func microseconds(_ text: String) -> Int64? {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        guard let date = (try? style.parse(text)) ?? (try? Date.ISO8601FormatStyle().parse(text)) else { return nil }
        return Int64((date.timeIntervalSince1970 * 1_000_000).rounded())
    }

    static func text(milliseconds: Int64) -> String {
        // Foundation cuts the fraction off: a tenth of a millisecond keeps 0.991 from becoming 0.990.
        Date(timeIntervalSince1970: (Double(milliseconds) + 0.1) / 1000)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
