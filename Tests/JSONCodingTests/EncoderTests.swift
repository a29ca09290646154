import Foundation
import JSONCoding
import Testing

@Suite struct EncoderTests {
    func text(_ value: some Encodable) throws -> String {
        String(decoding: try FastJSONEncoder().encode(value), as: UTF8.self)
    }

    @Test func writesScalars() throws {
        #expect(try text("a\"\\\u{1}\u{1f}\n\té😀/\u{7f}") == #""a\"\\\u0001\u001f\n\té😀/\#u{7f}""#)
        #expect(try text(1.0) == "1")
        #expect(try text(0.1) == "0.1")
        #expect(try text(-0.0) == "-0")
        #expect(try text(Int64.min) == "-9223372036854775808")
        #expect(try text(UInt64.max) == "18446744073709551615")
        #expect(try text(Float(0.1)) == "0.1")
        #expect(try text([true, false]) == "[true,false]")
        #expect(try text([nil, 1]) == "[null,1]")
        #expect(try text(Date(timeIntervalSince1970: 1_767_323_045.678)) == #""2026-01-02T03:04:05.678Z""#)
        #expect(try text(Data([1, 2, 3])) == #""AQID""#)
        #expect(try text(URL(string: "https://example.com/a")) == #""https://example.com/a""#)
        let uuid = UUID()
        #expect(try text(uuid) == "\"\(uuid.uuidString)\"")
        for decimal in ["0.1", "79228162514264337593543950335", "1e-20", "-12.5", "0"] {
            let value = try #require(Decimal(string: decimal))
            #expect(try text(value) == value.description)
        }
        #expect(try text([String: Int]()) == "{}")
        #expect(try text([Int]()) == "[]")
        #expect(try text(Colour.red) == "\"red\"")
    }

    @Test func refusesWhatJSONCannotHold() {
        #expect(throws: EncodingError.self) { try text(Double.nan) }
        #expect(throws: EncodingError.self) { try text([Double.infinity]) }
        #expect(throws: EncodingError.self) { try text(Float.nan) }
        #expect(throws: EncodingError.self) { try text(Decimal.nan) }
        #expect(throws: EncodingError.self) { try text(Date.distantPast.addingTimeInterval(-1e10)) }
        var buffer = Array("abc".utf8)
        #expect(throws: EncodingError.self) { try FastJSONEncoder().encode([1, .nan], into: &buffer) }
        #expect(buffer == Array("abc".utf8))
    }

    @Test func sortsDictionaries() throws {
        #expect(try text(["b": 1, "a": 2, "a!": 3, "ab": 4]) == #"{"a":2,"a!":3,"ab":4,"b":1}"#)
        #expect(try text([2: ["d": [1], "c": []], 1: ["x": [2, 3]]]) == #"{"1":{"x":[2,3]},"2":{"c":[],"d":[1]}}"#)
        #expect(try text(JSONValue.object(["b": 1, "a": ["z": 1, "y": nil]])) == #"{"a":{"y":null,"z":1},"b":1}"#)
    }

    @Test func appendsToTheBuffer() throws {
        var buffer = Array("x".utf8)
        try FastJSONEncoder().encode(["k": 1], into: &buffer)
        try FastJSONEncoder().encode(2, into: &buffer)
        #expect(String(decoding: buffer, as: UTF8.self) == #"x{"k":1}2"#)
    }

    @Test func interleavesNestedContainers() throws {
        struct Mixed: Encodable {
            enum Keys: String, CodingKey { case a, b, c, d, x }
            func encode(to encoder: any Encoder) throws {
                var root = encoder.container(keyedBy: Keys.self)
                var first = root.nestedContainer(keyedBy: Keys.self, forKey: .a)
                var second = root.nestedUnkeyedContainer(forKey: .b)
                try first.encode(1, forKey: .a)
                try second.encode("s")
                try root.encode([1, 2], forKey: .c)
                var deep = first.nestedUnkeyedContainer(forKey: .d)
                try second.encode(["q": 1])
                try deep.encode(1)
                try first.encode("t", forKey: .x)
                try deep.encode(Line(sku: "k", price: 1))
                var again = encoder.container(keyedBy: Keys.self)
                try again.encode(true, forKey: .x)
                try second.encodeNil()
            }
        }
        let expected = #"{"a":{"a":1,"d":[1,{"sku":"k","price":1}],"x":"t"},"b":["s",{"q":1},null],"c":[1,2],"x":true}"#
        #expect(try text(Mixed()) == expected)
        #expect(try text([Mixed(), Mixed()]) == "[\(expected),\(expected)]")
        #expect(try text(["m": Mixed(), "k": Mixed()]) == "{\"k\":\(expected),\"m\":\(expected)}")
    }

    @Test func keepsPlacesForSuperEncoders() throws {
        struct Later: Encodable {
            enum Keys: String, CodingKey { case a, b, c, d }
            func encode(to encoder: any Encoder) throws {
                var root = encoder.container(keyedBy: Keys.self)
                let one = root.superEncoder(forKey: .a)
                let two = root.superEncoder()
                let unused = root.superEncoder(forKey: .d)
                var list = root.nestedUnkeyedContainer(forKey: .b)
                let item = list.superEncoder()
                try list.encode(2)
                try root.encode("end", forKey: .c)
                try [1, 2].encode(to: two)
                try Line(sku: "k", price: 1).encode(to: one)
                try "text".encode(to: item)
                _ = unused
            }
        }
        #expect(
            try text([Later()])
                == #"[{"a":{"sku":"k","price":1},"super":[1,2],"d":{},"b":["text",2],"c":"end"}]"#
        )
        let dog = Dog()
        dog.name = "Rex"
        dog.age = 3
        #expect(try text(dog) == #"{"super":{"name":"Rex"},"age":3}"#)
    }

    @Test func undoesFailedElements() throws {
        struct Careless: Encodable {
            enum Keys: String, CodingKey { case a, b, c, d }
            func encode(to encoder: any Encoder) throws {
                var root = encoder.container(keyedBy: Keys.self)
                try? root.encode([1, Double.nan], forKey: .a)
                try root.encode(1, forKey: .b)
                var nested = root.nestedUnkeyedContainer(forKey: .c)
                try? nested.encode(["k": ["j": Double.nan]])
                try? root.encode(Double.nan, forKey: .d)
                try? nested.encode(Double.nan)
                try nested.encode(3)
            }
        }
        #expect(try text([Careless()]) == #"[{"b":1,"c":[3]}]"#)
    }

    /// The memory of an encoding is used again: never while somebody can still write to it.
    @Test func aKeptEncoderWritesToNobodyElses() throws {
        final class Keeper: Encodable {
            var container: (any UnkeyedEncodingContainer)?
            func encode(to encoder: any Encoder) throws {
                var container = encoder.unkeyedContainer()
                try container.encode("kept")
                self.container = container
            }
        }
        let keeper = Keeper()
        #expect(try self.text(keeper) == #"["kept"]"#)
        struct Other: Encodable {
            let keeper: Keeper
            func encode(to encoder: any Encoder) throws {
                var container = encoder.unkeyedContainer()
                try container.encode(1)
                try? keeper.container?.encode("late")
                try container.encode(2)
            }
        }
        #expect(try self.text(Other(keeper: keeper)) == "[1,2]")
    }

    @Test func oneFailsAndTheNextOneIsWhole() async throws {
        struct Failing: Encodable {
            func encode(to encoder: any Encoder) throws {
                var container = encoder.unkeyedContainer()
                try container.encode([1, 2])
                throw CancellationError()
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for round in 0..<500 {
                        if round % 3 == 0 { _ = try? FastJSONEncoder().encode(Failing()) }
                        let value = ["task": [task, round], "long": Array(repeating: round, count: round)]
                        let bytes = try FastJSONEncoder().encode(value)
                        let read = try FastJSONDecoder().decode([String: [Int]].self, from: bytes)
                        #expect(read == value)
                        // One encoding within another.
                        #expect(try FastJSONEncoder().encode(Nested()) == Array(#"["[1]",1]"#.utf8))
                    }
                }
            }
            try await group.waitForAll()
        }
        struct Nested: Encodable {
            func encode(to encoder: any Encoder) throws {
                var container = encoder.unkeyedContainer()
                try container.encode(String(decoding: FastJSONEncoder().encode([1]), as: UTF8.self))
                try container.encode(1)
            }
        }
    }

    @Test func emptyValues() throws {
        struct Nothing: Encodable { func encode(to encoder: any Encoder) throws {} }
        struct Empty: Encodable {}
        #expect(try text(Empty()) == "{}")
        #expect(try text([Nothing()]) == "[{}]")
        #expect(throws: EncodingError.self) { try text(Nothing()) }
    }

    @Test func foundationReadsWhatIsWritten() throws {
        var random = SeededRandom(seed: 42)
        let foundation = JSONDecoder()
        foundation.dateDecodingStrategy = .custom { decoder in
            let text = try decoder.singleValueContainer().decode(String.self)
            return Date(timeIntervalSince1970: Double(RFC3339.parse(text) ?? 0) / 1_000_000)
        }
        foundation.dataDecodingStrategy = .base64
        for _ in 0..<500 {
            let order = Order.random(&random)
            let bytes = try FastJSONEncoder().encode(order)
            #expect(try foundation.decode(Order.self, from: Data(bytes)) == order)
            #expect(try FastJSONDecoder().decode(Order.self, from: bytes) == order)
        }
    }

    @Test func doublesRoundTrip() throws {
        var random = SeededRandom(seed: 3)
        for _ in 0..<20_000 {
            let value = Double(bitPattern: random.next())
            if value.isFinite {
                #expect(try FastJSONDecoder().decode(Double.self, from: FastJSONEncoder().encode(value)) == value)
            }
            let price = Double(Int.random(in: -1_000_000...1_000_000, using: &random)) / 1000
            #expect(try FastJSONDecoder().decode(Double.self, from: FastJSONEncoder().encode(price)) == price)
        }
    }
}

extension Order {
    static func random(_ random: inout SeededRandom) -> Order {
        func word() -> String {
            let letters: [Character] = ["a", "Z", "é", "\"", "\\", "\n", "😀", "\u{2}", "/", "日", " ", "7"]
            return String(
                (0..<Int.random(in: 0...30, using: &random)).map { _ in letters.randomElement(using: &random)! }
            )
        }
        let lines = (0..<Int.random(in: 0...4, using: &random)).map { _ in
            Line(
                sku: word(),
                price: Decimal(Int.random(in: -99_999...99_999, using: &random)) / 100,
                colour: Bool.random(using: &random) ? .red : nil
            )
        }
        return Order(
            id: UUID(),
            placedAt: Date(
                timeIntervalSince1970: Double(Int.random(in: -9_999_999...9_999_999_999, using: &random)) / 8
            ),
            userId: word(),
            count: Int.random(in: .min ... .max, using: &random),
            lines: lines,
            tags: Dictionary((0..<5).map { _ in (word(), Int.random(in: -5...5, using: &random)) }) { $1 },
            note: Bool.random(using: &random) ? word() : nil,
            link: URL(string: "https://example.com/x"),
            blob: Data(
                (0..<Int.random(in: 0...9, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            )
        )
    }
}

@Suite struct DecimalTextTests {
    @Test func writesDecimalsLikeTheirDescription() throws {
        var random = SeededRandom(seed: 11)
        let encoder = FastJSONEncoder()
        for _ in 0..<20_000 {
            let high = Decimal(random.next() >> UInt64.random(in: 0...63, using: &random))
            let low = Decimal(random.next() >> UInt64.random(in: 0...63, using: &random))
            let product = Bool.random(using: &random) ? high : high * low
            let value = Decimal(
                sign: Bool.random(using: &random) ? .plus : .minus,
                exponent: Int.random(in: -60...20, using: &random),
                significand: product
            )
            guard value.isFinite else {
                continue
            }
            let text = String(decoding: try encoder.encode(value), as: UTF8.self)
            #expect(text == value.description)
            #expect(try FastJSONDecoder().decode(Decimal.self, from: Array(text.utf8)) == value)
        }
        let plain = Decimal(sign: .plus, exponent: -2, significand: 150)
        #expect(String(decoding: try encoder.encode(plain), as: UTF8.self) == plain.description)
    }
}
