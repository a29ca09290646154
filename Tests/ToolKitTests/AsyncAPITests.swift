import Commands
import Foundation
import JSONCoding
import Testing
import TopicDeclarations
import Yams

@testable import ToolKit

@Suite("The AsyncAPI document")
struct AsyncAPITests {
    private struct Pay: Command {
        static let type: CommandType = "payment.process"
        typealias Output = Receipt

        var userId: String
        var amount: Decimal
        var note: String?
    }

    private struct Receipt: Codable { var paymentId: String }

    private struct Ping: Command {
        static let type: CommandType = "odd type/ping"
    }

    private func domain(_ name: String, declared: DomainTopics? = nil) throws -> AsyncAPIDomain {
        var handlers = Handlers()
        handlers.on(Pay.self) { _, _ in Receipt(paymentId: "p") }
        handlers.on(Ping.self, retry: .never, ordering: .none) { _, _ in NoOutput() }
        return AsyncAPIDomain(
            name: Domain(name), group: "adjutant.\(name)", registry: try handlers.registry(),
            tiers: [RetryTier(milliseconds: 5000)],
            declared: declared)
    }

    private func document(_ domains: [AsyncAPIDomain]) -> AsyncAPIDocument {
        AsyncAPIDocument(
            title: "shop", version: "1.2.3", servers: ["one:9092", "two:9092"], isEncrypted: true,
            domains: domains)
    }

    private func json(_ document: AsyncAPIDocument) throws -> JSONValue {
        try FastJSONDecoder().decode(JSONValue.self, from: Array(document.tree.json.utf8))
    }

    private static let declared = """
        domain: shop
        defaults: {partitions: 6, replication: 3, retention: 7d, cleanup: delete, maxMessageBytes: 1000}
        topics:
          shop.commands: {description: "Orders: all of them", schema: {record: command, key: ordering-key}}
          shop.retry.5s: {description: Soon, maxMessageBytes: 9000, schema: {record: command, key: ordering-key}}
          shop.results: {description: Results, cleanup: [compact, delete], schema: {record: outcome, key: ordering-key}}
          shop.failures: {description: "yes", retention: forever, schema: {record: outcome, key: ordering-key}}
          shop.audit: {description: Audit, schema: {record: audit, key: command-id}}
          shop.dlt: {description: Letters, maxMessageBytes: 9000, schema: {record: dead-letter, key: ordering-key}}
        """

    /// What AsyncAPI 3.0.0 lets each object hold, and what it must (the specification's "Fixed Fields").
    private static let fields: [String: (allowed: Set<String>, required: Set<String>)] = [
        "root": (
            ["asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"],
            ["asyncapi", "info"]
        ),
        "info": (
            ["title", "version", "description", "termsOfService", "contact", "license", "tags", "externalDocs"],
            ["title", "version"]
        ),
        "server": (
            [
                "host", "protocol", "protocolVersion", "pathname", "description", "title", "summary", "variables",
                "security", "tags", "externalDocs", "bindings",
            ], ["host", "protocol"]
        ),
        "channel": (
            [
                "address", "messages", "title", "summary", "description", "servers", "parameters", "tags",
                "externalDocs", "bindings",
            ], ["address", "messages"]
        ),
        "operation": (
            [
                "action", "channel", "title", "summary", "description", "security", "tags", "externalDocs", "bindings",
                "traits", "messages", "reply",
            ], ["action", "channel", "messages"]
        ),
        "message": (
            [
                "headers", "payload", "correlationId", "contentType", "name", "title", "summary", "description", "tags",
                "externalDocs", "bindings", "examples", "traits",
            ], ["name", "payload"]
        ),
        "components": (
            [
                "schemas", "servers", "channels", "operations", "messages", "securitySchemes", "serverVariables",
                "parameters", "correlationIds", "replies", "replyAddresses", "externalDocs", "tags", "operationTraits",
                "messageTraits", "serverBindings", "channelBindings", "operationBindings", "messageBindings",
            ], []
        ),
    ]

    private func check(_ value: JSONValue?, _ kind: String, _ place: String) throws {
        let members = try #require(value?.objectValue, "\(place) is no object")
        let fields = try #require(Self.fields[kind])
        #expect(Set(members.keys).isSubset(of: fields.allowed), "\(place): \(members.keys.sorted())")
        #expect(fields.required.isSubset(of: members.keys), "\(place): \(members.keys.sorted())")
    }

    private func references(_ value: JSONValue) -> [String] {
        switch value {
        case .object(let members):
            members.flatMap { $0.key == "$ref" ? [$0.value.stringValue ?? ""] : self.references($0.value) }
        case .array(let elements): elements.flatMap(self.references)
        default: []
        }
    }

    private func resolve(_ reference: String, in root: JSONValue) -> JSONValue? {
        guard reference.hasPrefix("#/") else { return nil }
        return reference.dropFirst(2).split(separator: "/").reduce(root as JSONValue?) { value, step in
            value?[String(step).replacing("~1", with: "/").replacing("~0", with: "~")]
        }
    }

    @Test("Every object is as AsyncAPI 3.0 wants it, and every reference leads somewhere")
    func structure() throws {
        let declared = try TopicDeclarations.parse(Self.declared, file: "shop.yaml")
        let root = try self.json(self.document([self.domain("shop", declared: declared), self.domain("other")]))
        try self.check(root, "root", "the document")
        #expect(root["asyncapi"] == "3.0.0")
        try self.check(root["info"], "info", "info")
        for (kind, list) in [
            ("server", root["servers"]), ("channel", root["channels"]), ("operation", root["operations"]),
            ("message", root["components"]?["messages"]),
        ] {
            for (name, value) in try #require(list?.objectValue) { try self.check(value, kind, "\(kind) \(name)") }
        }
        try self.check(root["components"], "components", "components")
        for group in try #require(root["components"]?.objectValue).values {
            for name in try #require(group.objectValue).keys {
                #expect(name.wholeMatch(of: /[a-zA-Z0-9._-]+/) != nil, "\(name)")
            }
        }
        let references = self.references(root)
        #expect(references.count > 50)
        for reference in references { #expect(self.resolve(reference, in: root) != nil, "\(reference)") }

        // An operation names messages of its own channel.
        for (name, operation) in try #require(root["operations"]?.objectValue) {
            let channel = try #require(operation["channel"]?["$ref"]?.stringValue)
            let messages = try #require(operation["messages"]?.arrayValue)
            #expect(!messages.isEmpty)
            #expect(["send", "receive"].contains(operation["action"]?.stringValue))
            for message in messages {
                #expect(message["$ref"]?.stringValue?.hasPrefix("\(channel)/messages/") == true, "\(name)")
            }
        }
    }

    @Test("The topics of the domain are its channels, as they are declared")
    func channels() throws {
        let declared = try TopicDeclarations.parse(Self.declared, file: "shop.yaml")
        let root = try self.json(self.document([self.domain("shop", declared: declared)]))
        let channels = try #require(root["channels"]?.objectValue)
        #expect(Set(channels.values.compactMap { $0["address"]?.stringValue }) == Set(declared.topics.map(\.name)))
        let results = try #require(channels["shop.results"])
        #expect(
            results["bindings"]?["kafka"] == [
                "topic": "shop.results", "partitions": 6, "replicas": 3, "bindingVersion": "0.5.0",
                "topicConfiguration": [
                    "cleanup.policy": ["compact", "delete"], "retention.ms": 604_800_000, "max.message.bytes": 1000,
                ],
            ])
        #expect(channels["shop.failures"]?["bindings"]?["kafka"]?["topicConfiguration"]?["retention.ms"] == -1)
        #expect(channels["shop.commands"]?["description"] == "Orders: all of them")
        // Nothing declared: the contract's topics, of which nothing is known but the names.
        let bare = try #require(try self.json(self.document([self.domain("bare")]))["channels"]?.objectValue)
        #expect(bare.keys.sorted().contains("bare.retry.5s") && bare["bare.commands"]?["bindings"] == nil)
    }

    @Test("A command type has its data, its output and its events")
    func messages() throws {
        let root = try self.json(self.document([self.domain("shop")]))
        let schemas = try #require(root["components"]?["schemas"])
        let data = try #require(schemas["payment.process"])
        #expect(data["required"] == ["userId", "amount"])
        #expect(data["properties"]?["note"]?["type"] == "string")
        #expect(schemas["payment.process.output"]?["properties"]?["paymentId"]?["type"] == "string")
        let messages = try #require(root["components"]?["messages"])
        #expect(
            messages["payment.process"]?["headers"]?["properties"]?["ce_type"]?["const"] == "payment.process")
        #expect(
            messages["payment.process.succeeded"]?["headers"]?["properties"]?["ce_type"]?["const"]
                == "payment.process.succeeded")
        #expect(
            messages["payment.process.failed"]?["payload"]?["$ref"] == "#/components/schemas/failure")
        #expect(messages["odd_type_ping"]?["name"] == "odd type/ping")
        #expect(
            root["channels"]?["shop.commands"]?["messages"]?.objectValue?.keys.sorted() == [
                "odd_type_ping", "payment.process",
            ])
        // Each failure fits one description only.
        let others = messages["shop.other.failed"]?["headers"]?["properties"]?["ce_type"]?["not"]?["enum"]
        #expect(others?.arrayValue?.contains("payment.process.failed") == true)
        let required = schemas["commandHeaders"]?["required"]?.arrayValue
        #expect(required == ["ce_specversion", "ce_id", "ce_source", "ce_type"])
        // Of two domains with the same type each has its own.
        let two = try self.json(self.document([self.domain("a"), self.domain("b")]))
        #expect(two["components"]?["messages"]?["a.payment.process"] != nil)
        #expect(two["components"]?["messages"]?["b.payment.process"] != nil)
    }

    @Test("The same bytes each time; YAML says the same as JSON")
    func spellings() throws {
        let declared = try TopicDeclarations.parse(Self.declared, file: "shop.yaml")
        let document = self.document([try self.domain("shop", declared: declared)])
        #expect(document.tree.json == self.document([try self.domain("shop", declared: declared)]).tree.json)
        let yaml = try #require(try Yams.compose(yaml: try document.tree.yaml()))
        #expect(Self.value(yaml) == (try self.json(document)))
    }

    @Test(
        "Texts that YAML would take for something else are quoted", arguments: ["1.0", "yes", "null", "", "5s", "#a"])
    func quoting(_ text: String) throws {
        let tree: DocumentTree = [text.isEmpty ? "empty" : text: .text(text)]
        let node = try #require(try Yams.compose(yaml: try tree.yaml())?.mapping?.first)
        #expect(Self.value(node.value) == .string(text))
    }

    private static func value(_ node: Node) -> JSONValue {
        switch node {
        case .mapping(let mapping):
            .object(Dictionary(uniqueKeysWithValues: mapping.map { ($0.key.string ?? "", self.value($0.value)) }))
        case .sequence(let sequence): .array(sequence.map(self.value))
        default:
            if node.tag == Tag(.int), let number = node.int {
                .integer(number)
            } else if node.tag == Tag(.bool), let flag = node.bool {
                .bool(flag)
            } else if node.tag == Tag(.str) {
                .string(node.string ?? "")
            } else {
                .null
            }
        }
    }
}
