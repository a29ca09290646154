import Foundation
import JSONCoding
import Testing

enum Plain: String, Decodable { case one, two }

struct Email: Decodable {
    var text: String
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        text = try container.decode(String.self)
        guard text.contains("@") else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "secret \(text)")
        }
    }
}

struct Item: Decodable {
    var sku: String
    var price: Decimal
    var colour: Colour
    var amounts: [Int8]
    var contact: Email?
}

struct Basket: Decodable {
    var id: UUID
    var placedAt: Date
    var items: [Item]
    var byName: [String: Item]
    var note: String?
    var link: URL
    var flag: Bool
    var ratio: Double
    var nested: Email
    var extra: JSONValue?
}

@Suite struct CollectingTests {
    func collect<T: Decodable>(_ type: T.Type, _ text: String) throws -> (value: T?, problems: [String]) {
        let document = try JSONDocument(parsing: text)
        let (value, problems) = FastJSONDecoder().decodeCollecting(type, from: document)
        for problem in problems {
            #expect(!problem.message.contains("secret"))
        }
        return (value, problems.map { "\($0.path):\($0.code)" })
    }

    @Test func reportsNothingForGoodDocuments() throws {
        let (value, problems) = try collect([Colour].self, #"["red","green"]"#)
        #expect(value == [.red, .green])
        #expect(problems.isEmpty)
    }

    @Test func reportsEverythingAtOnce() throws {
        let text = #"""
            {"id":"secret","placedAt":"2026-02-30T00:00:00Z","items":[
              {"sku":1,"price":"secret","colour":"secret","amounts":[1,300,-1,"secret",1.5],"contact":"secret"},
              null, 7,
              {"sku":"ok","price":0.1,"colour":"red","amounts":[1]},
              {"price":1,"amounts":{}}
            ],"byName":{"a.b":{"sku":null,"price":1,"colour":"red","amounts":[]}},
            "note":5,"flag":0,"ratio":1e999,"nested":"secret","extra":{"any":[1]}}
            """#
        let (value, problems) = try collect(Basket.self, text)
        #expect(
            problems == [
                "id:format", "placedAt:format", "items[0].sku:type", "items[0].price:format",
                "items[0].colour:format", "items[0].amounts[1]:range", "items[0].amounts[3]:type",
                "items[0].amounts[4]:type", "items[0].contact:format", "items[1]:required", "items[2]:type",
                "items[4].sku:required", "items[4].colour:required", "items[4].amounts:type",
                "byName.a.b.sku:required", "note:type", "link:required", "flag:type", "ratio:range", "nested:format",
            ]
        )
        let basket = try #require(value)
        #expect(basket.items.count == 5)
        #expect(basket.items[3].price == Decimal(string: "0.1"))
        #expect(basket.items[0].colour == .red)
        #expect(basket.extra == ["any": [1]])
    }

    @Test func listsAllowedValues() throws {
        let document = try JSONDocument(parsing: #"{"a":"x","b":3}"#)
        let (_, problems) = FastJSONDecoder().decodeCollecting([String: Colour].self, from: document)
        #expect(problems.map(\.path) == ["a", "b"])
        #expect(problems[0].message == "must be one of: red, green")
        #expect(problems[1].code == "type")
    }

    @Test func namesPropertiesForSnakeCase() throws {
        struct Inner: Decodable { var lineCount: Int8, otherField: String }
        struct Outer: Decodable { var innerItems: [Inner] }
        let (_, problems) = try collect(Outer.self, #"{"inner_items":[{"line_count":1000}]}"#)
        #expect(problems == ["innerItems[0].lineCount:range", "innerItems[0].otherField:required"])
    }

    @Test func goesOnWithoutPlaceholder() throws {
        struct Holder: Decodable { var plain: Plain, count: Int }
        let (value, problems) = try collect([Holder].self, #"[{"plain":"x","count":"y"},{"plain":"one","count":"z"}]"#)
        #expect(problems.contains("[0].plain:format"))
        #expect(problems.contains("[1].count:type"))
        #expect(value?.count == 1)
        #expect(try collect(Plain.self, "5").problems == [":type"])
        #expect(try collect(Plain.self, "5").value == nil)
        #expect(try collect(Plain?.self, "null").problems.isEmpty)
    }

    @Test func reportsTheRoot() throws {
        #expect(try collect(Basket.self, "null").problems == [":required"])
        #expect(try collect(Basket.self, "[]").problems == [":type"])
        #expect(try collect([Int].self, "{}").problems == [":type"])
        #expect(try collect(Int.self, "\"x\"").value == 0)
        #expect(try collect(Shape.self, #"{"circle":{"radius":"x"}}"#).problems == ["circle.radius:type"])
        #expect(try collect(Shape.self, "{}").problems == [":type"])
    }

    @Test(.timeLimit(.minutes(5))) func staysLinear() throws {
        let text = "[" + [String](repeating: "\"x\"", count: 200_000).joined(separator: ",") + "]"
        let (value, problems) = try collect([Int].self, text)
        #expect(problems.count == 1000)
        #expect(value == nil)
    }

    @Test func stopsEndlessPlaceholders() throws {
        final class Endless: Decodable { let next: Endless }
        let (value, problems) = try collect(Endless.self, #"{"next":{"next":1}}"#)
        #expect(value == nil)
        #expect(problems == ["next.next:type"])
    }
}
