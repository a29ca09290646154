import Commands
import TopicDeclarations

/// What a program receives and sends, as an AsyncAPI 3.0 document.
///
/// The same program, settings and topic declarations always give the same bytes.
struct AsyncAPIDocument: Sendable {
    let title: String
    /// Of the service, not of AsyncAPI.
    let version: String
    let servers: [String]
    let isEncrypted: Bool
    let domains: [AsyncAPIDomain]

    var tree: DocumentTree {
        var tree: DocumentTree = ["asyncapi": "3.0.0", "info": self.info, "defaultContentType": "application/json"]
        if !self.servers.isEmpty {
            tree.add(
                "servers",
                .object(self.servers.enumerated().map { ("broker\($0.offset + 1)", self.server($0.element)) }))
        }
        tree.add("channels", .object(self.domains.flatMap(self.channels)))
        tree.add("operations", .object(self.domains.flatMap(self.operations)))
        tree.add(
            "components",
            [
                "messages": .object(self.domains.flatMap(self.messages)),
                "schemas": .object(AsyncAPISchemas.shared + self.domains.flatMap(self.schemas)),
            ])
        return tree
    }

    private var info: DocumentTree {
        [
            "title": .text(self.title), "version": .text(self.version),
            "description": """
            Commands come as CloudEvents 1.0 over Kafka, in binary mode as described here: the record's value is the \
            data, every attribute a header ce_<name>. Structured mode is read too: content-type \
            application/cloudevents+json, the whole event in the value. The record key is the ordering key; \
            commands of one key run one after another. Fields of the data may be spelt in snake_case as well, \
            fields that no schema names are ignored. Delivery is at least once: a repeated outcome carries the same ce_id.
            """,
        ]
    }

    private func server(_ host: String) -> DocumentTree {
        ["host": .text(host), "protocol": self.isEncrypted ? "kafka-secure" : "kafka"]
    }

    // MARK: - Names

    /// The name under which a type's parts are found; the domain stands before it only where another domain has such a
    /// type too.
    func name(_ type: String, in domain: AsyncAPIDomain) -> String {
        let others = self.domains.count { $0.handled.contains { $0.type == type } }
        // What a key of `components` may hold.
        let plain = String(type.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "_" })
        return others > 1 ? "\(domain.name).\(plain)" : plain
    }

    // MARK: - Channels

    private func channels(_ domain: AsyncAPIDomain) -> [(name: String, value: DocumentTree)] {
        domain.topics.map { topic in
            var channel: DocumentTree = ["address": .text(topic.name)]
            channel.add("title", .text(Self.title(of: topic.role)))
            channel.add("description", topic.declaration.map { .text($0.description) })
            let names = self.messageNames(of: topic.role, in: domain)
            channel.add(
                "messages", .object(names.map { ($0, .reference("components", "messages", $0)) }))
            channel.add("bindings", topic.declaration.map { ["kafka": Self.binding($0)] })
            return (topic.name, channel)
        }
    }

    private static func title(of role: TopicRole) -> String {
        switch role {
        case .commands: "Commands"
        case .retry(let tier): "Commands that wait for another attempt, \(tier.name) at least"
        case .results: "Results"
        case .failures: "Failures"
        case .audit: "Audit"
        case .deadLetters: "Dead letters"
        case .deadLetterJobs: "What was done about dead letters"
        case .parkedLetters: "Dead letters that were replayed too often"
        }
    }

    /// The topic as AsyncAPI's Kafka binding 0.5.0 has it.
    private static func binding(_ topic: TopicDeclaration) -> DocumentTree {
        var settings: DocumentTree = [:]
        settings.add(
            "cleanup.policy",
            topic.config["cleanup.policy"].map { .array($0.split(separator: ",").map { .text(String($0)) }) })
        for name in ["retention.ms", "max.message.bytes"] {
            settings.add(name, topic.config[name].flatMap { Int64($0) }.map { .integer($0) })
        }
        return [
            "topic": .text(topic.name), "partitions": .integer(Int64(topic.partitions)),
            "replicas": .integer(Int64(topic.replicationFactor)), "topicConfiguration": settings,
            "bindingVersion": "0.5.0",
        ]
    }

    // MARK: - Operations

    private func operations(_ domain: AsyncAPIDomain) -> [(name: String, value: DocumentTree)] {
        domain.topics.flatMap { topic -> [(name: String, value: DocumentTree)] in
            let role = topic.role
            switch role {
            case .commands:
                return [self.operation("receive", topic, domain, "Runs the handler of each command's type.")]
            case .retry:
                return [
                    self.operation("receive", topic, domain, "Runs the command again once it is due."),
                    self.operation("send", topic, domain, "Puts a command off that failed, or that is not to run yet."),
                ]
            case .results: return [self.operation("send", topic, domain, "Tells of each command that succeeded.")]
            case .failures:
                return [self.operation("send", topic, domain, "Tells of each command that ended in failure.")]
            case .audit: return [self.operation("send", topic, domain, "Tells what happened to each command.")]
            case .deadLetters:
                return [self.operation("send", topic, domain, "Parks what could not be handled, with its reason.")]
            case .deadLetterJobs, .parkedLetters:
                return [self.operation("send", topic, domain, "Done by the operators' tool.")]
            }
        }
    }

    private func operation(
        _ action: String, _ topic: AsyncAPIDomain.Topic, _ domain: AsyncAPIDomain, _ summary: String
    ) -> (name: String, value: DocumentTree) {
        var operation: DocumentTree = [
            "action": .text(action), "channel": .reference("channels", topic.name), "summary": .text(summary),
            "messages": .array(
                self.messageNames(of: topic.role, in: domain).map {
                    .reference("channels", topic.name, "messages", $0)
                }),
        ]
        if action == "receive" {
            operation.add(
                "bindings",
                [
                    "kafka": [
                        "groupId": ["type": "string", "default": .text(domain.group)],
                        "bindingVersion": "0.5.0",
                    ]
                ])
            operation.add(
                "reply",
                [
                    "address": [
                        "description": "A topic that also gets the outcome, if the worker's settings allow it",
                        "location": "$message.header#/ce_replyto",
                    ]
                ])
        }
        return ("\(topic.name).\(action)", operation)
    }
}
