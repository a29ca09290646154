import Foundation
import JSONCoding
import Testing

@Suite struct DocumentTests {
    static let sample = #"{"a":[1,-2.5e+3,true,false,null,"x\u00e9\ud83d\ude00\n"],"b\"":{"c":{},"d":[]},"é€😀":"日本"}"#

    /// The error which parsing fails with, or nil.
    func failure(_ parse: () throws -> JSONDocument) -> JSONError? {
        do {
            _ = try parse()
            return nil
        } catch {
            return error as? JSONError
        }
    }

    @Test(arguments: [
        "1", " 1 ", "-0", "0", "0.0", "-1.5E-7", "1e5", "\"\"", "[]", "{}", "[ ]", "{ }", "null", "true", "false",
        "[1,2]", "{\"a\":1,\"b\":[{}]}", "\t\r\n[\n1 , 2 ]\n", "\"\\u0000\"", "\"\\/\\b\\f\\n\\r\\t\\\\\\\"\"", sample,
    ])
    func accepts(_ text: String) throws {
        _ = try JSONDocument(parsing: text)
    }

    @Test(arguments: [
        "", " ", "[", "]", "{", "}", "[1", "[1,", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}",
        "{'a':1}", "01", "-", "-a", "+1", "1.", ".5", "1e", "1e+", "0x1", "1 2", "[1 2]", "nul", "nulll", "truE",
        "falsy", "NaN", "Infinity", "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\n\"", "\"\u{1}\"",
        "\"\u{0}\"", "[1]]", "{\"a\":1}}", "\u{FEFF}1", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800x\"",
        "\"\\ud800\\u0041\"", "\"\\ud800\\ud800\"", "// c\n1", "[1}", "{\"a\":1]", "-01", "1.e5", "--1", "\u{b}1",
    ])
    func refuses(_ text: String) {
        #expect(throws: JSONError.self) { try JSONDocument(parsing: text) }
    }

    @Test func refusesEveryTruncation() throws {
        let bytes = Array(Self.sample.utf8)
        for end in bytes.indices {
            #expect(throws: JSONError.self) { try JSONDocument(bytes: bytes, range: 0..<end) }
        }
        _ = try JSONDocument(bytes: bytes, range: bytes.indices)
    }

    @Test(
        arguments: [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x41], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
            [0xE2, 0x82], [0xE2, 0x82, 0x41], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80],
            [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF0, 0x9F, 0x98], [0xFF],
            [0xFE],
        ] as [[UInt8]]
    )
    func refusesInvalidUTF8(_ bad: [UInt8]) {
        for padding in 0..<20 {
            let text = [UInt8](repeating: 0x61, count: padding)
            let whole = [0x22] + text + bad + text + [0x22]
            let error = failure { try JSONDocument(parsing: whole) }
            #expect(error?.code == .invalidUTF8)
            #expect(error?.offset == padding + 1)
            #expect(throws: JSONError.self) { try JSONDocument(parsing: [0x7B] + whole + Array(":1}".utf8)) }
        }
    }

    @Test func acceptsEveryScalarBoundary() throws {
        for value: UInt32 in [0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0xD7FF, 0xE000, 0x10000, 0x10FFFF, 0x3FFFF, 0x40000] {
            let scalar = try #require(Unicode.Scalar(value))
            let text = "pad" + String(Character(scalar))
            #expect(try JSONDocument(parsing: "\"\(text)\"").root.stringValue == text)
        }
    }

    @Test func refusesDepth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSONDocument(parsing: nested(64))
        #expect(failure { try JSONDocument(parsing: nested(65)) }?.code == .depth)
        let hostile = String(repeating: "{\"a\":[", count: 150_000)
        #expect(failure { try JSONDocument(parsing: hostile) }?.code == .depth)
        let limits = JSONLimits(maxDepth: .max)
        #expect(throws: JSONError.self) { try JSONDocument(parsing: nested(100_000), limits: limits) }
        _ = try FastJSONDecoder().decode(JSONValue.self, from: JSONDocument(parsing: nested(512), limits: limits))
    }

    @Test(arguments: [
        #"{"a":1,"a":2}"#, #"{"a":1,"b":2,"\u0061":3}"#, #"{"\u0061":1,"a":3}"#, #"{"x":{"k":1,"j":2,"k":3}}"#,
        #"{"":1,"":2}"#, #"{"a\n":1,"a\u000a":2}"#, #"{"abcdefghijkl":[{}],"b":1,"abcdefghijkl":2}"#,
        #"{"\ud83d\ude00":1,"😀":2}"#,
    ])
    func refusesDuplicates(_ text: String) throws {
        #expect(failure { try JSONDocument(parsing: text) }?.code == .duplicateKey)
        _ = try JSONDocument(parsing: text, limits: JSONLimits(allowsDuplicateKeys: true))
    }

    @Test func findsDuplicatesAmongManyKeys() throws {
        for count in [14, 15, 16, 17, 18, 40, 1000] {
            for duplicate in [0, 7, count - 1] {
                let keys = (0..<count).map { "\"key\($0)\":{\"key0\":0}" }
                let good = "{" + keys.joined(separator: ",") + "}"
                _ = try JSONDocument(parsing: good)
                let bad = good.dropLast() + ",\"k\\u0065y\(duplicate)\":1}"
                #expect(failure { try JSONDocument(parsing: String(bad)) }?.code == .duplicateKey)
            }
        }
    }

    @Test(.timeLimit(.minutes(5))) func staysLinearOnLargeObjects() throws {
        let limits = JSONLimits(maxBytes: 64_000_000)
        let members = (0..<400_000).map { "\"k\($0)\":\($0)" }.joined(separator: ",")
        let document = try JSONDocument(parsing: "{\(members)}", limits: limits)
        #expect(document.root.count == 400_000)
        let value = try FastJSONDecoder().decode([String: Int].self, from: document)
        #expect(value.count == 400_000)
        #expect(value["k399999"] == 399_999)
    }

    @Test func lastDuplicateWinsWhereAllowed() throws {
        let limits = JSONLimits(allowsDuplicateKeys: true)
        let document = try JSONDocument(parsing: #"{"a":1,"b":2,"\u0061":3}"#, limits: limits)
        #expect(document.root["a"]?.int64Value == 3)
        #expect(try FastJSONDecoder().decode([String: Int].self, from: document) == ["a": 3, "b": 2])
    }

    @Test func refusesLargeDocuments() {
        let limits = JSONLimits(maxBytes: 4)
        #expect(failure { try JSONDocument(parsing: "[1,2]", limits: limits) }?.code == .tooLarge)
    }

    @Test func errorsNameThePathWithoutContent() {
        let error = failure { try JSONDocument(parsing: #"{"s":{"z":1},"a":[1,{"b":{"c":secret}}]}"#) }
        #expect(error?.path == "a[1].b.c")
        #expect(error?.offset == 30)
        #expect(error?.description.contains("secret") == false)
    }

    @Test func readsNodes() throws {
        let text = #"  {"id":"x\ty","data": {"n":[1,2,3]} ,"t":true,"z":null,"f":1.50}"#
        let bytes = Array(("junk" + text + "junk").utf8)
        let document = try JSONDocument(bytes: bytes, range: 4..<bytes.count - 4)
        let root = document.root
        #expect(root.kind == .object)
        #expect(root.count == 5)
        #expect(root["id"]?.stringValue == "x\ty")
        #expect(root["id"]?.plainStringBytes == nil)
        #expect(root["t"]?.boolValue == true)
        #expect(root["z"]?.isNull == true)
        #expect(root["f"]?.numberText == "1.50")
        #expect(root["none"] == nil)
        let data = try #require(root["data"])
        #expect(String(decoding: data.rawBytes, as: UTF8.self) == #"{"n":[1,2,3]}"#)
        #expect(Array(bytes[data.byteRange]) == Array(data.rawBytes))
        #expect(root["id"].map { String(decoding: $0.rawBytes, as: UTF8.self) } == #""x\ty""#)
        #expect(data["n"]?[2]?.int64Value == 3)
        #expect(data["n"]?[3] == nil)
        #expect(root.members.map(\.key) == ["id", "data", "t", "z", "f"])
        #expect(data["n"]?.elements.compactMap(\.int64Value) == [1, 2, 3])
    }

    @Test func survivesRandomDamage() {
        var random = SeededRandom(seed: 7)
        let sample = Array(Self.sample.utf8)
        for _ in 0..<20_000 {
            var bytes = sample
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let ours = try? JSONDocument(parsing: bytes)
            if let ours {
                _ = JSONValue(ours.root)
                #expect((try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil)
            }
        }
    }
}
