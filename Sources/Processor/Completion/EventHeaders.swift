import Commands

/// The headers of a domain's events, laid out once for each kind of event and type of command: most of their bytes are
/// the same from command to command.
final class EventHeaders: Sendable {
    /// Places of the headers whose values differ from command to command.
    static let id = 2
    static let time = 5
    static let subject = 6
    static let causation = 7
    static let correlation = 8

    private let source: String
    private let succeeded: [HeaderBlock]
    private let failed: [HeaderBlock]
    private let audit: [HeaderBlock]
    private let poisonAudit: [HeaderBlock]

    init(source: String, types: [String]) {
        self.source = source
        self.succeeded = types.map { Self.block(source, $0 + ".succeeded", hasSubject: true) }
        self.failed = types.map { Self.block(source, $0 + ".failed", hasSubject: true) }
        self.audit = AuditEvent.allCases.map { Self.block(source, "\($0.type)", hasSubject: true) }
        self.poisonAudit = AuditEvent.allCases.map { Self.block(source, "\($0.type)", hasSubject: false) }
    }

    /// - Parameter entry: The type's place in the registry; negative when it has none, and is to be named.
    func succeeded(_ entry: Int, type: () -> String) -> HeaderBlock {
        entry >= 0 ? self.succeeded[entry] : Self.block(self.source, type() + ".succeeded", hasSubject: true)
    }

    func failed(_ entry: Int, hasSubject: Bool, type: () -> String) -> HeaderBlock {
        entry >= 0 && hasSubject
            ? self.failed[entry] : Self.block(self.source, type() + ".failed", hasSubject: hasSubject)
    }

    func audit(_ event: AuditEvent, hasSubject: Bool) -> HeaderBlock {
        (hasSubject ? self.audit : self.poisonAudit)[event.ordinal]
    }

    private static func block(_ source: String, _ type: String, hasSubject: Bool) -> HeaderBlock {
        var headers: [(name: StaticString, value: String?)] = [
            ("content-type", "application/json"), ("ce_specversion", "1.0"), ("ce_id", nil), ("ce_source", source),
            ("ce_type", type), ("ce_time", nil),
        ]
        if hasSubject { headers += [("ce_subject", nil), ("ce_causationid", nil), ("ce_correlationid", nil)] }
        return HeaderBlock(headers)
    }
}
