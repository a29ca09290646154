import JSONCoding
import Testing

@Suite struct RFC3339Tests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01t00:00:00z", 0), ("1970-01-01T01:00:00+01:00", 0),
            ("1969-12-31T23:59:59.999999Z", -1), ("1969-12-31T23:30:00-00:30", 0),
            ("2000-02-29T00:00:00Z", 951_782_400_000_000),
            ("2026-01-02T03:04:05.678Z", 1_767_323_045_678_000),
            ("2026-01-02T03:04:05.123456789Z", 1_767_323_045_123_456),
            ("2026-01-02T03:04:05.5+05:30", 1_767_303_245_500_000), ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999), ("1970-01-01T00:00:00-00:00", 0),
            ("1600-02-29T12:00:00Z", -11_670_955_200_000_000),
        ] as [(String, Int64)]
    )
    func parses(_ text: String, _ expected: Int64) {
        #expect(RFC3339.parse(text) == expected)
        #expect(RFC3339.parse(Array(text.utf8)) == expected)
    }

    @Test(arguments: [
        "", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01 00:00:00Z", "1970-13-01T00:00:00Z", "1970-00-01T00:00:00Z",
        "1970-01-00T00:00:00Z", "1970-01-32T00:00:00Z", "1970-04-31T00:00:00Z", "1900-02-29T00:00:00Z",
        "2023-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+01:60", "2026-01-01T00:00:00Zx", "0000-01-01T00:00:00Z",
        "2026-1-01T00:00:00Z", "+026-01-01T00:00:00Z", "2026-01-01T00:00:00+01", "2026-01-01T00:00:00.5",
        "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "２026-01-01T00:00:00Z", "2026-01-0aT00:00:00Z",
        "2026-01-01T0-:00:00Z",
    ])
    func refuses(_ text: String) {
        #expect(RFC3339.parse(text) == nil)
    }

    @Test func roundTripsEveryDay() {
        for day in stride(from: -719_162, through: 2_932_896, by: 1) {
            let moment = Int64(day) * 86_400_000_000 + 12_345_678_901
            let text = RFC3339.format(moment, precision: .microseconds)
            if RFC3339.parse(text) != moment {
                Issue.record("\(text)")
                return
            }
        }
    }

    @Test func aFaceWritesWhatOthersWrite() {
        var random = SeededRandom(seed: 11)
        var face = RFC3339.Face()
        var moments: [Int64] = [.min, -1, 0, 1, 999_999, 1_000_000, 0, RFC3339.latest, .max, -1, 0]
        for _ in 0..<2000 {
            let start = Int64.random(in: -1_000_000_000_000...4_000_000_000_000_000, using: &random)
            // Mostly in one second, forwards and backwards.
            for _ in 0..<5 { moments.append(start + Int64.random(in: -700_000...700_000, using: &random)) }
        }
        for moment in moments {
            for precision in [RFC3339.Precision.milliseconds, .microseconds] {
                var bytes: [UInt8] = []
                face.append(moment, precision: precision, to: &bytes)
                #expect(String(decoding: bytes, as: UTF8.self) == RFC3339.format(moment, precision: precision))
            }
        }
    }

    @Test func formats() {
        #expect(RFC3339.format(0) == "1970-01-01T00:00:00.000Z")
        #expect(RFC3339.format(-1, precision: .microseconds) == "1969-12-31T23:59:59.999999Z")
        #expect(RFC3339.format(1_767_323_045_678_912) == "2026-01-02T03:04:05.678Z")
        #expect(RFC3339.format(.min) == "0001-01-01T00:00:00.000Z")
        #expect(RFC3339.format(.max) == "9999-12-31T23:59:59.999Z")
        var buffer = Array("x".utf8)
        RFC3339.append(0, precision: .microseconds, to: &buffer)
        #expect(String(decoding: buffer, as: UTF8.self) == "x1970-01-01T00:00:00.000000Z")
    }
}
