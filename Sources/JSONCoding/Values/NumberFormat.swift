/// The text of numbers in JSON.
enum NumberFormat {
    /// The shortest text which reads back as a finite double.
    static func text(_ value: Double) -> String {
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 53, whole != 0 || value.sign == .plus {
            return String(whole)
        }
        return trimmed(value.description)
    }

    /// The shortest text which reads back as a finite float.
    static func text(_ value: Float) -> String {
        trimmed(value.description)
    }

    private static func trimmed(_ text: String) -> String {
        let utf8 = text.utf8
        guard utf8.count > 2, utf8.suffix(2).elementsEqual(".0".utf8) else {
            return text
        }
        return String(text[..<utf8.index(utf8.endIndex, offsetBy: -2)])
    }
}
