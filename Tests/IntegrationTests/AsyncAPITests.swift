import Foundation
import JSONCoding
import Testing

extension IntegrationTests {
    /// The document of the program itself, and what really is on its topics.
    @Suite struct AsyncAPITests {
        private func document(_ arguments: [String] = []) throws -> (text: String, root: JSONValue) {
            let program = try Program(
                ["asyncapi"] + arguments, environment: ["ADJUTANT_TOPICS_DIRECTORY": Executable.quickTopics])
            #expect(try program.waitForExit(seconds: 90) == 0, "\(program.tail)")
            #expect(program.errors.all == [])
            let text = program.output.all.joined(separator: "\n")
            return (text, try FastJSONDecoder().decode(JSONValue.self, from: Array(text.utf8)))
        }

        @Test("The same bytes at every run; both domains, or the one that is asked for")
        func stable() async throws {
            try await blocking {
                let (text, root) = try self.document()
                #expect(try self.document().text == text)
                #expect(root["asyncapi"] == "3.0.0")
                let addresses = Set(
                    (root["channels"]?.objectValue ?? [:]).values.compactMap { $0["address"]?.stringValue })
                #expect(addresses.isSuperset(of: ["lab.commands", "lab.retry.1s", "lab.dlt", "commerce.audit"]))
                let lab = try self.document(["--domain", "lab"]).root
                #expect(lab["channels"]?.objectValue?.keys.allSatisfy { $0.hasPrefix("lab.") } == true)
                #expect(lab["components"]?["schemas"]?["payment.process"] == nil)
            }
        }

        @Test("Events carry the headers and the members that the document says they have")
        func events() async throws {
            let root = try await blocking { try self.document(["--domain", "lab"]).root }
            try await SharedLab.with { lab in
                let message = CommandMessage(id: "asyncapi-failed", key: "asyncapi", data: #"{"fail":"permanent"}"#)
                let event = try lab.outcome(of: message)
                try Self.expect(event, is: "lab.run.failed", in: root)
                let payload = root["components"]?["schemas"]?["failure"]
                Self.expect(Set(event.data.keys), has: payload)
                let letter = try lab.deadLetter("asyncapi-failed") { $0.id == message.id }
                try Self.expect(letter, is: "lab.deadLetter", in: root)
                for audit in try lab.audits(of: message.id, ["failed", "deadlettered"]) {
                    try Self.expect(audit, is: "lab.audit", in: root)
                    Self.expect(Set(audit.data.keys), has: root["components"]?["schemas"]?["audit"])
                }
            }
        }

        private static func expect(_ event: Event, is name: String, in root: JSONValue) throws {
            let headers = try #require(root["components"]?["messages"]?[name]?["headers"])
            let common = try #require(headers["allOf"]?[0]?["$ref"]?.stringValue?.split(separator: "/").last)
            let required = try #require(root["components"]?["schemas"]?[String(common)]?["required"]?.arrayValue)
            #expect(!required.isEmpty)
            for header in required {
                let header = try #require(header.stringValue)
                #expect(event.header(header) != nil, "\(name): \(header)")
            }
            for (header, schema) in headers["properties"]?.objectValue ?? [:] {
                guard let value = schema["const"]?.stringValue else { continue }
                #expect(event.header(header) == value)
            }
        }

        /// The members are those of the schema, the required ones all there.
        private static func expect(_ members: Set<String>, has schema: JSONValue?) {
            let known = Set((schema?["properties"]?.objectValue ?? [:]).keys)
            let required = Set((schema?["required"]?.arrayValue ?? []).compactMap(\.stringValue))
            #expect(!required.isEmpty && members.isSuperset(of: required) && members.isSubset(of: known), "\(members)")
        }
    }
}
