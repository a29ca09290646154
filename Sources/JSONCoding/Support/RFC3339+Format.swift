extension RFC3339 {
    /// The text of a moment given in microseconds since 1970 UTC; moments out of range become the nearest in range.
    public static func format(_ microseconds: Int64, precision: Precision = .milliseconds) -> String {
        String(unsafeUninitializedCapacity: 27) { write(microseconds, precision, to: $0) }
    }

    /// Appends the text of a moment given in microseconds since 1970 UTC, held within range; drops finer digits.
    public static func append(
        _ microseconds: Int64,
        precision: Precision = .milliseconds,
        to buffer: inout [UInt8]
    ) {
        append(microseconds, precision, toSink: &buffer)
    }

    /// Appends the text of a moment to any sink.
    static func append(_ microseconds: Int64, _ precision: Precision, toSink sink: inout some ByteSink) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 27) { text in
            let count = write(microseconds, precision, to: text)
            sink.append(contentsOf: UnsafeBufferPointer(rebasing: text[..<count]))
        }
    }

    /// Writes 24 or 27 bytes; returns how many.
    static func write(
        _ microseconds: Int64,
        _ precision: Precision,
        to text: UnsafeMutableBufferPointer<UInt8>
    ) -> Int {
        let moment = min(max(microseconds, earliest), latest)
        var micros = Int(moment % 1_000_000)
        var seconds = Int(moment / 1_000_000)
        if micros < 0 {
            micros += 1_000_000
            seconds -= 1
        }
        var day = seconds / 86400
        var rest = seconds % 86400
        if rest < 0 {
            rest += 86400
            day -= 1
        }
        let date = CivilDate(days: day)
        put(date.year / 100, text, 0)
        put(date.year % 100, text, 2)
        text[4] = UInt8(ascii: "-")
        put(date.month, text, 5)
        text[7] = UInt8(ascii: "-")
        put(date.day, text, 8)
        text[10] = UInt8(ascii: "T")
        put(rest / 3600, text, 11)
        text[13] = UInt8(ascii: ":")
        put(rest / 60 % 60, text, 14)
        text[16] = UInt8(ascii: ":")
        put(rest % 60, text, 17)
        text[19] = UInt8(ascii: ".")
        put(micros / 10000, text, 20)
        switch precision {
        case .milliseconds:
            text[22] = UInt8(ascii: "0") + UInt8(micros / 1000 % 10)
            text[23] = UInt8(ascii: "Z")
            return 24
        case .microseconds:
            put(micros / 100 % 100, text, 22)
            put(micros % 100, text, 24)
            text[26] = UInt8(ascii: "Z")
            return 27
        }
    }

    /// Writes two digits.
    @inline(__always)
    private static func put(_ value: Int, _ text: UnsafeMutableBufferPointer<UInt8>, _ index: Int) {
        text[index] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value / 10)
        text[index + 1] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value % 10)
    }
}
