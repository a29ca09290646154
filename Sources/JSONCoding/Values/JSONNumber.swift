#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A JSON number as its exact text; numbers are equal when their texts are.
public struct JSONNumber: Sendable, Hashable {
    /// The text of the number, which follows the JSON grammar.
    public let text: String

    init(unchecked text: String) {
        self.text = text
    }

    /// Creates a number from text, or nil when the text is not a JSON number.
    public init?(text: String) {
        var copy = text
        guard copy.withUTF8({ NumberText.isNumber($0) }) else {
            return nil
        }
        self.text = text
    }

    /// Creates a whole number.
    public init(_ value: some FixedWidthInteger) {
        text = String(value)
    }

    /// Creates a number from a double, or nil when it is not finite.
    public init?(_ value: Double) {
        guard value.isFinite else {
            return nil
        }
        text = NumberFormat.text(value)
    }

    /// Creates a number from a decimal, or nil when it is not a number.
    public init?(_ value: Decimal) {
        self.init(text: value.description)
    }

    /// The whole number, or nil when there is a fraction or the number does not fit.
    public func integer<Integer: FixedWidthInteger>(as type: Integer.Type) -> Integer? {
        parts.integer(as: type)
    }

    /// The whole number, or nil when there is a fraction or the number does not fit.
    public var int64: Int64? {
        integer(as: Int64.self)
    }

    /// The nearest double, which is infinite for numbers out of range.
    public var double: Double {
        Double(text) ?? .nan
    }

    /// The exact decimal, or nil when the number needs more than a decimal can hold.
    public var decimal: Decimal? {
        FoundationTypes.decimal(parts)
    }

    private var parts: NumberText {
        var copy = text
        return copy.withUTF8 { bytes in
            // A number has at least one digit, so the buffer has an address.
            NumberText(bytes.baseAddress.unsafelyUnwrapped, 0..<bytes.count)
        }
    }
}
