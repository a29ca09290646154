/// The exact value of a JSON number: a magnitude without trailing zeros times a power of ten.
struct NumberText {
    var isNegative = false
    var magnitude: UInt128 = 0
    var exponent = 0
    /// Whether the magnitude holds every significant digit.
    var isExact = true

    /// Reads a number whose grammar is already checked.
    init(_ base: UnsafePointer<UInt8>, _ range: Range<Int>) {
        var index = range.lowerBound
        if index < range.upperBound, base[index] == UInt8(ascii: "-") {
            isNegative = true
            index += 1
        }
        var zeros = 0
        var fraction = 0
        var inFraction = false
        var small: UInt64 = 0
        var isSmall = true
        loop: while index < range.upperBound {
            let byte = base[index]
            let digit = byte &- UInt8(ascii: "0")
            switch byte {
            case UInt8(ascii: "."):
                inFraction = true
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                fraction += inFraction ? 1 : 0
                if digit == 0 {
                    zeros += small == 0 && isSmall ? 0 : 1
                } else if isSmall, zeros == 0, small < 1_000_000_000_000_000_000 {
                    small = small &* 10 &+ UInt64(digit)
                } else {
                    if isSmall {
                        magnitude = UInt128(small)
                        isSmall = false
                    }
                    push(digit, afterZeros: zeros)
                    zeros = 0
                }
            default:
                break loop
            }
            index += 1
        }
        if isSmall {
            magnitude = UInt128(small)
        }
        if magnitude == 0 {
            return
        }
        exponent = Self.exponent(base, index..<range.upperBound) + zeros - fraction
    }

    private mutating func push(_ digit: UInt8, afterZeros zeros: Int) {
        guard isExact, zeros < 39 else {
            isExact = false
            return
        }
        for _ in 0...zeros {
            let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            if overflow {
                isExact = false
                return
            }
            magnitude = product
        }
        let (sum, overflow) = magnitude.addingReportingOverflow(UInt128(digit))
        magnitude = sum
        isExact = !overflow
    }

    /// The exponent written as `e-7`, held within a billion; 0 when there is none.
    private static func exponent(_ base: UnsafePointer<UInt8>, _ range: Range<Int>) -> Int {
        guard !range.isEmpty else {
            return 0
        }
        var value = 0
        var isNegative = false
        for index in range.dropFirst() {
            if base[index] == UInt8(ascii: "-") {
                isNegative = true
            } else if base[index] != UInt8(ascii: "+") {
                value = min(value * 10 + Int(base[index] &- UInt8(ascii: "0")), 1_000_000_000)
            }
        }
        return isNegative ? -value : value
    }

    /// Whether the number has no fraction.
    var isWhole: Bool {
        magnitude == 0 || exponent >= 0
    }

    /// The whole number, or nil when there is a fraction or the number does not fit.
    func integer<Integer: FixedWidthInteger>(as type: Integer.Type) -> Integer? {
        guard isExact, isWhole, exponent < 40 else {
            return nil
        }
        var value = magnitude
        for _ in 0..<max(exponent, 0) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            if overflow {
                return nil
            }
            value = product
        }
        guard isNegative else {
            return Integer(exactly: value)
        }
        if value == UInt128(1) << 127 {
            return Integer(exactly: Int128.min)
        }
        return Int128(exactly: value).flatMap { Integer(exactly: -$0) }
    }

    /// The number as a double when one multiplication or division gives the correctly rounded result.
    var simpleDouble: Double? {
        guard isExact, magnitude <= 1 << 53, abs(exponent) <= 22 else {
            return nil
        }
        let whole = Double(UInt64(truncatingIfNeeded: magnitude))
        let power = Self.powers[abs(exponent)]
        let value = exponent < 0 ? whole / power : whole * power
        return isNegative ? -value : value
    }

    private static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// Whether bytes are a JSON number and nothing else.
    static func isNumber(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var index = 0
        func digits() -> Bool {
            let start = index
            while index < bytes.count, bytes[index] &- UInt8(ascii: "0") < 10 {
                index += 1
            }
            return index > start
        }
        if index < bytes.count, bytes[index] == UInt8(ascii: "-") {
            index += 1
        }
        let start = index
        guard digits(), index == start + 1 || bytes[start] != UInt8(ascii: "0") else {
            return false
        }
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
            index += 1
            guard digits() else {
                return false
            }
        }
        if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            if index < bytes.count, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") {
                index += 1
            }
            guard digits() else {
                return false
            }
        }
        return index == bytes.count
    }
}
