import Foundation
import JSONCoding
import Testing

enum Colour: String, Codable, CaseIterable { case red, green }

struct Line: Codable, Equatable {
    var sku: String
    var price: Decimal
    var colour: Colour?
}

struct Order: Codable, Equatable {
    var id: UUID
    var placedAt: Date
    var userId: String
    var count: Int
    var lines: [Line]
    var tags: [String: Int]
    var note: String?
    var link: URL?
    var blob: Data?
}

enum Shape: Codable, Equatable {
    case circle(radius: Double)
    case square(side: Double, name: String?)
}

class Animal: Codable {
    var name = ""
}

final class Dog: Animal {
    var age = 0
    enum CodingKeys: String, CodingKey { case age }
    override init() { super.init() }
    required init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        age = try container.decode(Int.self, forKey: .age)
        try super.init(from: container.superDecoder())
    }
    override func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try super.encode(to: container.superEncoder())
        try container.encode(age, forKey: .age)
    }
}

@Suite struct DecoderTests {
    let decoder = FastJSONDecoder()

    func decode<T: Decodable>(_ type: T.Type, _ text: String) throws -> T {
        try decoder.decode(type, from: Array(text.utf8))
    }

    /// Checks that this decoder and Foundation's give the same value, or both fail.
    func parity<T: Decodable & Equatable>(_ type: T.Type, _ text: String) {
        let ours = try? decode(type, text)
        let theirs = try? JSONDecoder().decode(type, from: Data(text.utf8))
        #expect(ours == theirs, "\(type) \(text)")
    }

    @Test(arguments: [
        "0", "-0", "1", "-1", "127", "128", "-128", "-129", "255", "256", "65535", "2147483648", "1.0", "1.5", "1e2",
        "1e-2", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
        "18446744073709551615", "18446744073709551616", "1e18", "0.1", "3.141592653589793238462643", "1e308",
        "2.2250738585072014e-308", "5e-324", "123456789012345678", "1234567890123456789", "9007199254740993", "0e10",
        "true", "null", "\"1\"", "[]", "{}", "\"\"", "\"a\\u00e9\"", "100000000000000000000e-20", "1e22", "1e23",
    ])
    func scalarsAgreeWithFoundation(_ text: String) {
        parity(Bool.self, text)
        parity(String.self, text)
        parity(Double.self, text)
        parity(Int.self, text)
        parity(Int8.self, text)
        parity(Int16.self, text)
        parity(UInt8.self, text)
        parity(UInt32.self, text)
        parity(Int64.self, text)
        parity(UInt64.self, text)
        parity([Int?].self, "[\(text)]")
        parity([String: Double?].self, "{\"a\":\(text)}")
    }

    @Test(arguments: ["1e400", "-1e400", "1e999999999999"])
    func refusesHugeDoubles(_ text: String) {
        #expect(throws: DecodingError.self) { try decode(Double.self, text) }
        #expect(throws: DecodingError.self) { try decode(Int.self, text) }
        #expect(throws: DecodingError.self) { try decode(Decimal.self, text) }
    }

    @Test func readsExtremes() throws {
        #expect(try decode(Double.self, "-0").sign == .minus)
        #expect(try decode(Double.self, "1e-400") == 0)
        #expect(try decode(Int128.self, "-170141183460469231731687303715884105728") == .min)
        #expect(try decode(UInt128.self, "340282366920938463463374607431768211455") == .max)
        #expect(throws: DecodingError.self) { try decode(UInt128.self, "340282366920938463463374607431768211456") }
        #expect(try decode(Float.self, "16777217") == 16_777_216)
        #expect(throws: DecodingError.self) { try decode(Float.self, "1e39") }
    }

    @Test(arguments: [
        "0.1", "79228162514264337593543950335", "1e-20", "-12.50", "0", "99999999999999999999999999999999999999",
        "0.00000000000000000000000000000000000001", "1e30", "123456789.123456789", "-0.3", "1.10",
        "18446744073709551616",
        "36893488147419103232.5", "1e127", "12e-128",
    ])
    func decimalsAreExact(_ text: String) throws {
        let expected = try #require(Decimal(string: text))
        #expect(try decode(Decimal.self, text) == expected)
        #expect(try decode(Decimal.self, "\"\(text)\"") == expected)
        let plain = expected.description
        #expect(try decode(Decimal.self, plain).description == plain)
    }

    @Test(arguments: ["\"abc\"", "\"\"", "\"1,5\"", "\"1 \"", "\"NaN\"", "true", "null", "[]", "\"0x1\"", "\"+1\""])
    func refusesOtherDecimals(_ text: String) {
        #expect(throws: DecodingError.self) { try decode(Decimal.self, text) }
    }

    /// Past the last exponent digits may still take it up, until they are used up: then there is no number, rather than one
    /// that is none.
    @Test(arguments: ["1", "12", "34", "99999999999999999999", "34028236692093846346337460743176821145"])
    func decimalsAtTheEdges(_ digits: String) throws {
        var found = 0
        for exponent in Array(80...170) + Array(-170 ... -100) {
            for sign in ["", "-"] {
                let text = "\(sign)\(digits)e\(exponent)"
                do {
                    let value = try decode(Decimal.self, text)
                    #expect(value.isFinite, "\(text)")
                    let zeros = String(repeating: "0", count: abs(exponent))
                    if exponent > 0 { #expect(value.description == sign + digits + zeros) }
                    #expect(value == Decimal(string: text), "\(text)")
                    found += 1
                } catch let error as DecodingError {
                    guard case .dataCorrupted = error else { throw error }
                }
            }
        }
        #expect((60...400).contains(found))
    }

    @Test func refusesInexactDecimals() {
        #expect(throws: DecodingError.self) { try decode(Decimal.self, String(repeating: "9", count: 60)) }
        #expect(throws: DecodingError.self) { try decode(Decimal.self, "1e-200") }
    }

    @Test func readsOrders() throws {
        let text = #"""
            {"id":"3f2504e0-4f89-41d3-9a0c-0305e82c3301","placedAt":"2026-01-02T03:04:05.678Z","userId":"u","count":2,
            "lines":[{"sku":"a","price":0.1},{"sku":"b","price":"79228162514264337593543950335","colour":"green"}],
            "tags":{"x":1,"\u0079":2},"note":null,"link":"https://example.com/a?b=c","blob":"AQID"}
            """#
        let order = try decode(Order.self, text)
        #expect(order.id == UUID(uuidString: "3F2504E0-4F89-41D3-9A0C-0305E82C3301"))
        #expect(abs(order.placedAt.timeIntervalSince1970 - 1_767_323_045.678) < 0.000_001)
        #expect(order.lines[1].price == Decimal(string: "79228162514264337593543950335"))
        #expect(order.lines[1].colour == .green)
        #expect(order.tags == ["x": 1, "y": 2])
        #expect(order.note == nil)
        #expect(order.link?.host() == "example.com")
        #expect(order.blob == Data([1, 2, 3]))
        #expect(try decode(Date.self, "1.5") == Date(timeIntervalSince1970: 1.5))
        #expect(try decode([Int: String].self, #"{"1":"a"}"#) == [1: "a"])
    }

    @Test func matchesEscapedKeys() throws {
        struct Pair: Decodable { var first: Int, second: Int }
        let pair = try decode(Pair.self, #"{"\u0073econd":2,"fir\u0073t":1}"#)
        #expect(pair.first == 1)
        #expect(pair.second == 2)
    }

    @Test func acceptsSnakeCase() throws {
        struct Inner: Decodable, Equatable { var itemURL: String, line2Text: Int?, isOK: Bool }
        struct Outer: Decodable, Equatable { var userId: Int, innerItems: [Inner], byName: [String: Inner] }
        let inner = #"{"item_url":"u","line2_text":3,"is_ok":true}"#
        let text = #"{"by_name":{"some_key":\#(inner)},"inner_items":[\#(inner)],"user_id":1}"#
        let value = try decode(Outer.self, text)
        let expected = Inner(itemURL: "u", line2Text: 3, isOK: true)
        #expect(value == Outer(userId: 1, innerItems: [expected], byName: ["some_key": expected]))
        struct User: Decodable { var userId: Int }
        #expect(try decode(User.self, #"{"user_id":1,"userId":2}"#).userId == 2)
        let strict = FastJSONDecoder(acceptsSnakeCase: false)
        #expect(throws: DecodingError.self) { try strict.decode(User.self, from: Array(#"{"user_id":1}"#.utf8)) }
    }

    @Test func followsFoundationOnMissingAndNull() {
        struct Fields: Decodable, Equatable { var a: Int?, b: String, c: [Int]?, d: Double? }
        for text in [
            #"{"b":"x"}"#, #"{"a":null,"b":"x","c":null}"#, #"{"a":1}"#, #"{"b":null}"#, #"{"a":"1","b":"x"}"#,
            #"{"b":"x","c":[null]}"#, #"{"b":"x","c":{}}"#, "[]", "null", "{}", "1", #"{"d":1,"c":[1],"b":"y","a":0}"#,
        ] {
            parity(Fields.self, text)
            parity([Fields?].self, "[\(text),null]")
        }
        for text in [
            #"{"circle":{"radius":1}}"#, #"{"square":{"side":2,"name":"n"}}"#, #"{"square":{"side":2}}"#,
            #"{"circle":{}}"#, #"{"circle":{"radius":1},"square":{"side":1}}"#, "{}", #"{"other":{}}"#,
        ] {
            parity(Shape.self, text)
        }
    }

    @Test func supportsInheritance() throws {
        let dog = try decode(Dog.self, #"{"age":3,"super":{"name":"Rex"}}"#)
        #expect(dog.age == 3)
        #expect(dog.name == "Rex")
        #expect(throws: DecodingError.self) { try decode(Dog.self, #"{"age":3}"#) }
    }

    @Test func errorsNameThePath() {
        let text =
            #"{"id":"3f2504e0-4f89-41d3-9a0c-0305e82c3301","placedAt":0,"userId":"u","count":2,"lines":[{"sku":"a","price":1},{"sku":4,"price":0}],"tags":{}}"#
        let error = #expect(throws: DecodingError.self) { try decode(Order.self, text) }
        guard case .typeMismatch(_, let context) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(context.codingPath.map(\.stringValue) == ["lines", "Index 1", "sku"])
    }

    @Test func readsAnyValue() throws {
        let text = #"{"a":[1,2.50,18446744073709551615,"x",true,null,{"b":{}}],"c":1e400}"#
        let value = try decode(JSONValue.self, text)
        #expect(value["a"]?[1]?.numberValue?.text == "2.50")
        #expect(value["a"]?[2]?.numberValue?.integer(as: UInt64.self) == .max)
        #expect(try FastJSONEncoder().encode(value) == Array(text.utf8))
        #expect(value["a"]?[6] == ["b": [:]])
        let foundation = try JSONDecoder().decode(JSONValue.self, from: Data(#"{"a":[1,-2.5,"x",true,null]}"#.utf8))
        #expect(foundation == ["a": [1, -2.5, "x", true, nil]])
        let encoded = try JSONEncoder().encode(foundation)
        #expect(try decode(JSONValue.self, String(decoding: encoded, as: UTF8.self)) == foundation)
        struct Holder: Codable, Equatable { var any: JSONValue, maybe: JSONValue? }
        #expect(try decode(Holder.self, #"{"any":null}"#) == Holder(any: nil, maybe: nil))
    }

    @Test func readsNestedContainers() throws {
        struct Nested: Decodable {
            enum Keys: String, CodingKey { case outer, list, inner }
            var values: [Int] = []
            init(from decoder: any Decoder) throws {
                let root = try decoder.container(keyedBy: Keys.self)
                let outer = try root.nestedContainer(keyedBy: Keys.self, forKey: .outer)
                var list = try outer.nestedUnkeyedContainer(forKey: .list)
                var inner = try list.nestedUnkeyedContainer()
                while !inner.isAtEnd {
                    values.append(try inner.decode(Int.self))
                }
                values.append(try list.nestedContainer(keyedBy: Keys.self).decode(Int.self, forKey: .inner))
                values.append(try list.decodeNil() ? 0 : 1)
                values.append(list.currentIndex * 10 + (list.count ?? 0))
            }
        }
        let value = try decode(Nested.self, #"{"outer":{"list":[[1,2],{"inner":3},null,4]}}"#)
        #expect(value.values == [1, 2, 3, 0, 34])
    }
}
