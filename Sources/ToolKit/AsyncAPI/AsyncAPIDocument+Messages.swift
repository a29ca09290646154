import Commands
import TopicDeclarations

extension AsyncAPIDocument {
    /// The names of a topic's messages, in `components.messages` and in its channel.
    func messageNames(of role: TopicRole, in domain: AsyncAPIDomain) -> [String] {
        let types = domain.handled.map { self.name($0.type, in: domain) }
        switch role {
        case .commands: return types
        case .retry: return types.map { "\($0).retry" }
        case .results: return types.map { "\($0).succeeded" } + ["\(domain.name).batch.completed"]
        case .failures: return types.map { "\($0).failed" } + ["\(domain.name).other.failed"]
        case .audit: return ["\(domain.name).audit"]
        case .deadLetters, .parkedLetters: return ["\(domain.name).deadLetter"]
        case .deadLetterJobs: return ["\(domain.name).deadLetterJob"]
        }
    }

    func messages(_ domain: AsyncAPIDomain) -> [(name: String, value: DocumentTree)] {
        let ofTypes = domain.handled.flatMap { handled -> [(name: String, value: DocumentTree)] in
            let name = self.name(handled.type, in: domain)
            let type = handled.type
            let input = DocumentTree.reference("components", "schemas", name)
            return [
                (
                    name,
                    Self.message(
                        type, headers: "commandHeaders", ["ce_type": ["const": .text(type)]], payload: input,
                        description: handled.policy)
                ),
                (
                    "\(name).retry",
                    Self.message(
                        type, headers: "retryHeaders", ["ce_type": ["const": .text(type)]], payload: input,
                        description: "The command as it came, with what is known of its attempts.")
                ),
                (
                    "\(name).succeeded",
                    Self.message(
                        "\(type).succeeded", headers: "outcomeHeaders",
                        self.outcome(domain, type: ["const": .text("\(type).succeeded")]),
                        payload: .reference("components", "schemas", "\(name).output"))
                ),
                (
                    "\(name).failed",
                    Self.message(
                        "\(type).failed", headers: "outcomeHeaders",
                        self.outcome(domain, type: ["const": .text("\(type).failed")]),
                        payload: .reference("components", "schemas", "failure"))
                ),
            ]
        }
        return ofTypes + self.commonMessages(domain)
    }

    private func commonMessages(_ domain: AsyncAPIDomain) -> [(name: String, value: DocumentTree)] {
        let source: DocumentTree = ["const": "adjutant/\(domain.name)"]
        let events = AuditEvents.names.map { DocumentTree.text("adjutant.command.\($0)") }
        return [
            (
                "\(domain.name).batch.completed",
                Self.message(
                    "adjutant.batch.completed", headers: "batchHeaders", ["ce_source": source],
                    payload: .reference("components", "schemas", "batch"), correlates: false,
                    description: "All commands of a batch have ended; only where workers have a database.")
            ),
            (
                "\(domain.name).other.failed",
                Self.message(
                    "failed", headers: "outcomeHeaders", self.outcome(domain, type: Self.otherType(than: domain)),
                    payload: .reference("components", "schemas", "failure"),
                    description: "The end of a command whose type has no handler, or cannot be read.")
            ),
            (
                "\(domain.name).audit",
                Self.message(
                    "adjutant.command", headers: "auditHeaders",
                    ["ce_type": ["enum": .array(events)], "ce_source": source],
                    payload: .reference("components", "schemas", "audit"), key: "The command id")
            ),
            (
                "\(domain.name).deadLetter",
                Self.message(
                    "dead letter", headers: "deadLetterHeaders", [:], payload: [:], contentType: nil, correlates: false,
                    description: "The record's own key, headers and bytes, readable or not.")
            ),
            (
                "\(domain.name).deadLetterJob",
                Self.message(
                    "dead letter job", headers: nil, [:], payload: ["type": "object"], correlates: false,
                    description: "For the operators' tool alone; its form may change.", key: "A job's id and part")
            ),
        ]
    }

    /// A message is to fit one description only.
    private static func otherType(than domain: AsyncAPIDomain) -> DocumentTree {
        ["pattern": #"\.failed$"#, "not": ["enum": .array(domain.handled.map { .text("\($0.type).failed") })]]
    }

    private func outcome(_ domain: AsyncAPIDomain, type: DocumentTree) -> DocumentTree {
        ["ce_type": type, "ce_source": ["const": "adjutant/\(domain.name)"]]
    }

    /// - Parameters:
    ///   - headers: The schema of the headers that all such messages have; nil when nobody need know them.
    ///   - own: What this message's headers say more exactly.
    private static func message(
        _ title: String, headers: String?, _ own: DocumentTree, payload: DocumentTree,
        contentType: String? = "application/json", correlates: Bool = true, description: String? = nil,
        key: String = "The ordering key; none when the command has none"
    ) -> DocumentTree {
        var message: DocumentTree = ["name": .text(title), "title": .text(title)]
        message.add("description", description.map { .text($0) })
        message.add("contentType", contentType.map { .text($0) })
        if let headers {
            var schema: DocumentTree = [
                "type": "object", "allOf": [.reference("components", "schemas", headers)],
            ]
            if case .object(let members) = own, !members.isEmpty { schema.add("properties", own) }
            message.add("headers", schema)
        }
        message.add("payload", payload)
        if correlates {
            message.add("correlationId", ["location": "$message.header#/ce_correlationid"])
        }
        message.add(
            "bindings",
            ["kafka": ["key": ["type": "string", "description": .text(key)], "bindingVersion": "0.5.0"]])
        return message
    }

    func schemas(_ domain: AsyncAPIDomain) -> [(name: String, value: DocumentTree)] {
        domain.handled.flatMap { handled in
            let name = self.name(handled.type, in: domain)
            return [(name, handled.input.document), ("\(name).output", handled.output.document)]
        }
    }
}
