/// Date-times as RFC 3339 text, for the years 0001 to 9999.
public enum RFC3339 {
    /// The number of digits after the decimal point of a second.
    public enum Precision: Sendable {
        /// Three digits.
        case milliseconds
        /// Six digits.
        case microseconds
    }

    /// The first moment which can be written, in microseconds since 1970 UTC.
    public static let earliest: Int64 = -62_135_596_800_000_000
    /// The last moment which can be written, in microseconds since 1970 UTC.
    public static let latest: Int64 = 253_402_300_799_999_999

    /// The moment which text names, in microseconds since 1970 UTC, or nil; digits beyond microseconds are dropped.
    public static func parse(_ text: String) -> Int64? {
        var text = text
        return text.withUTF8 { parse($0) }
    }

    /// The moment which bytes name, in microseconds since 1970 UTC, or nil; digits beyond microseconds are dropped.
    public static func parse(_ bytes: some Collection<UInt8>) -> Int64? {
        bytes.withContiguousStorageIfAvailable { parse($0) } ?? Array(bytes).withUnsafeBufferPointer { parse($0) }
    }

    /// The moment which bytes name, in microseconds since 1970 UTC, or nil; leap seconds are refused.
    public static func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> Int64? {
        guard bytes.count >= 20, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            bytes[10] | 0x20 == UInt8(ascii: "t"), bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":")
        else {
            return nil
        }
        let year = pair(bytes, 0) * 100 + pair(bytes, 2)
        let month = pair(bytes, 5)
        let day = pair(bytes, 8)
        let hour = pair(bytes, 11)
        let minute = pair(bytes, 14)
        let second = pair(bytes, 17)
        guard pair(bytes, 0) >= 0, pair(bytes, 2) >= 0, year >= 1, month >= 1, month <= 12, day >= 1,
            day <= days(inMonth: month, of: year), hour >= 0, hour <= 23, minute >= 0, minute <= 59, second >= 0,
            second <= 59
        else {
            return nil
        }
        var index = 19
        guard let fraction = fraction(bytes, &index), let offset = offset(bytes, index) else {
            return nil
        }
        let seconds = CivilDate.days(year: year, month: month, day: day) * 86400 + hour * 3600 + minute * 60 + second
        let moment = Int64(seconds - offset) * 1_000_000 + Int64(fraction)
        return moment >= earliest && moment <= latest ? moment : nil
    }

    /// The microseconds of `.123` at an index, which moves past it; 0 without a point, nil when malformed.
    @inline(__always)
    private static func fraction(_ bytes: UnsafeBufferPointer<UInt8>, _ index: inout Int) -> Int? {
        guard bytes[index] == UInt8(ascii: ".") else {
            return 0
        }
        var micros = 0
        var digits = 0
        index += 1
        while index < bytes.count, bytes[index] &- UInt8(ascii: "0") < 10 {
            if digits < 6 {
                micros = micros * 10 + Int(bytes[index] &- UInt8(ascii: "0"))
            }
            digits += 1
            index += 1
        }
        guard digits >= 1, digits <= 9 else {
            return nil
        }
        while digits < 6 {
            micros *= 10
            digits += 1
        }
        return micros
    }

    /// The offset from UTC, in seconds, which ends the text at an index, or nil.
    @inline(__always)
    private static func offset(_ bytes: UnsafeBufferPointer<UInt8>, _ index: Int) -> Int? {
        guard index < bytes.count else {
            return nil
        }
        if bytes[index] | 0x20 == UInt8(ascii: "z") {
            return index + 1 == bytes.count ? 0 : nil
        }
        let isMinus = bytes[index] == UInt8(ascii: "-")
        guard isMinus || bytes[index] == UInt8(ascii: "+"), index + 6 == bytes.count,
            bytes[index + 3] == UInt8(ascii: ":")
        else {
            return nil
        }
        let hours = pair(bytes, index + 1)
        let minutes = pair(bytes, index + 4)
        guard hours >= 0, hours <= 23, minutes >= 0, minutes <= 59 else {
            return nil
        }
        return (hours * 3600 + minutes * 60) * (isMinus ? -1 : 1)
    }

    /// Two digits as a number, negative when one is not a digit.
    @inline(__always)
    private static func pair(_ bytes: UnsafeBufferPointer<UInt8>, _ index: Int) -> Int {
        let tens = bytes[index] &- UInt8(ascii: "0")
        let ones = bytes[index + 1] &- UInt8(ascii: "0")
        return tens < 10 && ones < 10 ? Int(tens) * 10 + Int(ones) : -1_000_000
    }

    private static func days(inMonth month: Int, of year: Int) -> Int {
        if month == 2 {
            return CivilDate.isLeap(year) ? 29 : 28
        }
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31
    }
}
