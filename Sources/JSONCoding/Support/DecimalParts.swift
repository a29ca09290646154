#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A finite decimal as a magnitude times a power of ten.
struct DecimalParts {
    var isNegative: Bool
    var magnitude: UInt128
    var exponent: Int

    /// Takes a decimal apart, or returns nil where the layout of decimals in memory is not the known one.
    init?(_ value: Decimal) {
        guard Self.layoutIsKnown else {
            return nil
        }
        self.init(reading: value)
    }

    /// Reads the exponent, the flags and the sixteen bytes of magnitude.
    private init(reading value: Decimal) {
        self = withUnsafeBytes(of: value) { bytes in
            let flags = UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self))
            let length = (flags >> 12) & 15
            let low = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt64.self))
            let high = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 12, as: UInt64.self))
            let digits = UInt128(high) << 64 | UInt128(low)
            let mask = length >= 8 ? UInt128.max : (UInt128(1) << (UInt128(length) * 16)) - 1
            return DecimalParts(
                isNegative: flags & 0x800 != 0,
                magnitude: digits & mask,
                exponent: Int(Int8(truncatingIfNeeded: flags))
            )
        }
    }

    private init(isNegative: Bool, magnitude: UInt128, exponent: Int) {
        self.isNegative = isNegative
        self.magnitude = magnitude
        self.exponent = exponent
    }

    /// Whether decimals are laid out in memory as expected, found out with samples.
    private static let layoutIsKnown: Bool = {
        guard MemoryLayout<Decimal>.size == 20 else {
            return false
        }
        let samples: [Decimal] = [
            0, 1, -1, 0.5, -12.25, Decimal(UInt64.max), Decimal(UInt64.max) * Decimal(UInt64.max), 65536, 65535,
            Decimal(sign: .minus, exponent: -100, significand: 77), Decimal(sign: .plus, exponent: 90, significand: 3),
        ]
        return samples.allSatisfy { sample in
            let text = OutputBuffer()
            DecimalParts(reading: sample).write(to: text)
            return text.bytes.elementsEqual(sample.description.utf8)
        }
    }()

    /// Writes all digits without an exponent, as the description of a decimal does.
    func write(to buffer: OutputBuffer) {
        guard magnitude != 0 else {
            buffer.append(UInt8(ascii: "0"))
            return
        }
        if isNegative {
            buffer.append(UInt8(ascii: "-"))
        }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 40) { digits in
            var start = 40
            var exponent = exponent
            var rest = magnitude
            while exponent < 0, rest % 10 == 0 {
                rest /= 10
                exponent += 1
            }
            while rest > UInt128(UInt64.max) {
                start -= 1
                digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            var low = UInt64(truncatingIfNeeded: rest)
            while low > 0 {
                start -= 1
                digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: low % 10)
                low /= 10
            }
            let count = 40 - start
            let whole = max(count + min(exponent, 0), 0)
            if whole == 0 {
                buffer.append(UInt8(ascii: "0"))
            }
            buffer.append(contentsOf: UnsafeBufferPointer(rebasing: digits[start..<start + whole]))
            for _ in 0..<max(exponent, 0) {
                buffer.append(UInt8(ascii: "0"))
            }
            if exponent < 0 {
                buffer.append(UInt8(ascii: "."))
                for _ in 0..<max(-exponent - count, 0) {
                    buffer.append(UInt8(ascii: "0"))
                }
                buffer.append(contentsOf: UnsafeBufferPointer(rebasing: digits[start + whole..<40]))
            }
        }
    }
}
