import Foundation
import Testing

@testable import JSONCoding

/// What types ask for, found out without any JSON.
@Suite struct SchemaTests {
    private struct Everything: Codable {
        enum Level: Int, Codable, CaseIterable { case low = 1, high }
        struct Part: Codable {
            var name: String
            var price: Decimal?
        }

        var text: String
        var flag: Bool
        var count: Int
        var small: UInt8
        var whole: UInt64
        var share: Double
        var money: Decimal
        var day: Date
        var id: UUID
        var link: URL
        var blob: Data
        var free: JSONValue
        var colour: Colour
        var level: Level?
        var parts: [Part]
        var tags: Set<String>
        var names: [String: Int?]
        var first: Part
        var note: String?
    }

    private func members(_ schema: JSONSchema) throws -> [String: JSONSchema.Member] {
        guard case .object(let members) = schema else { throw Unexpected(schema: schema) }
        return Dictionary(uniqueKeysWithValues: members.list.map { ($0.name, $0) })
    }

    private struct Unexpected: Error { var schema: JSONSchema }

    @Test func everyKindOfMemberIsFound() throws {
        let schema = JSONSchema.reading(Everything.self)
        let members = try self.members(schema)
        var part = JSONSchema.Members(name: "Part")
        part.add("name", .text(nil), isRequired: true)
        part.add("price", .numberOrText, isRequired: false)
        let expected: [String: JSONSchema] = [
            "text": .text(nil), "flag": .bool, "count": .integer(minimum: nil, maximum: nil),
            "small": .integer(minimum: 0, maximum: 255), "whole": .integer(minimum: 0, maximum: nil), "share": .number,
            "money": .numberOrText, "day": .text(.dateTime), "id": .text(.uuid), "link": .text(.uri),
            "blob": .text(.base64), "free": .any, "colour": .values(["red", "green"]), "level": .values([1, 2]),
            "parts": .array(.object(part), isUnique: false), "tags": .array(.text(nil), isUnique: true),
            "names": .map(.nullable(.integer(minimum: nil, maximum: nil))), "first": .object(part), "note": .text(nil),
        ]
        #expect(members.mapValues(\.schema) == expected)
        #expect(members.values.filter { !$0.isRequired }.map(\.name).sorted() == ["level", "note"])
        // In the order of the type.
        guard case .object(let list) = schema else { return }
        #expect(list.name == "Everything" && list.list.first?.name == "text" && list.list.last?.name == "note")
    }

    @Test func theEncoderWritesFewerSpellings() throws {
        #expect(try self.members(.writing(Everything.self))["money"]?.schema == .number)
        struct Silent: Encodable { var text: String }
        #expect(JSONSchema.writing(Silent.self) == .any)
    }

    /// Checks what it reads, so that most answers do not suit it.
    private struct Address: Codable {
        let text: String

        init(from decoder: any Decoder) throws {
            self.text = try decoder.singleValueContainer().decode(String.self)
            guard self.text.contains("@") else {
                throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: "no address"))
            }
        }
    }

    private struct Choosy: Decodable {
        init(from decoder: any Decoder) throws { throw CancellationError() }
    }

    @Test func typesThatCheckWhatTheyReadAreSeenThrough() throws {
        struct Letter: Decodable {
            var to: Address
            var subject: String
        }
        #expect(try self.members(.reading(Letter.self)).keys.sorted() == ["subject", "to"])
        // Nothing suits it: what comes after it is not known.
        struct Sealed: Decodable {
            var before: Int
            var choosy: Choosy
            var after: Int
        }
        #expect(try self.members(.reading(Sealed.self)).keys.sorted() == ["before", "choosy"])
        #expect(try self.members(.reading(Sealed.self))["choosy"]?.schema == .any)
    }

    @Test func handWrittenDecodingIsFollowed() throws {
        struct ByHand: Decodable {
            enum Keys: String, CodingKey { case size, inner, list, maybe, either }
            enum Inner: String, CodingKey { case width }

            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: Keys.self)
                _ = try container.decode(Int.self, forKey: .size)
                let inner = try container.nestedContainer(keyedBy: Inner.self, forKey: .inner)
                _ = try inner.decode(Double.self, forKey: .width)
                var list = try container.nestedUnkeyedContainer(forKey: .list)
                while !list.isAtEnd { _ = try list.decode(String.self) }
                if container.contains(.maybe) { _ = try container.decode(Bool.self, forKey: .maybe) }
                if try !container.decodeNil(forKey: .either) { _ = try container.decode(Bool.self, forKey: .either) }
            }
        }
        let members = try self.members(.reading(ByHand.self))
        var inner = JSONSchema.Members()
        inner.add("width", .number, isRequired: true)
        #expect(members["inner"]?.schema == .object(inner))
        #expect(members["list"]?.schema == .array(.text(nil), isUnique: false))
        #expect(members.values.filter(\.isRequired).map(\.name).sorted() == ["inner", "list", "size"])
    }

    @Test func aTypeInsideItselfEnds() throws {
        struct Tree: Codable {
            var name: String
            var branches: [Tree]
        }
        let members = try self.members(.reading(Tree.self))
        #expect(members["branches"]?.schema == .array(.object(JSONSchema.Members(name: "Tree")), isUnique: false))
    }

    @Test func whatReadsNothingIsAnObject() {
        struct Nothing: Codable {}
        #expect(JSONSchema.reading(Nothing.self) == .object(JSONSchema.Members(name: "Nothing")))
        // An enumeration with values tells its cases to nobody.
        #expect(JSONSchema.reading(Shape.self) == .object(JSONSchema.Members(name: "Shape")))
        #expect(JSONSchema.reading([Int].self) == .array(.integer(minimum: nil, maximum: nil), isUnique: false))
        #expect(JSONSchema.reading(String?.self) == .nullable(.text(nil)))
    }
}
