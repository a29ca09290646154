import TopicDeclarations

/// What `topics apply` does about one topic.
struct TopicStep: Sendable, Encodable {
    enum Action: String, Sendable, Encodable {
        case create
        case addPartitions
        case none
    }

    enum Result: String, Sendable, Encodable {
        /// To be done with `--execute`.
        case planned
        case done
        case failed
        /// Not as declared, and left so.
        case differs
        case ok
    }

    var topic: String
    var action: Action
    var result: Result
    /// Why it failed or what differs; empty when there is nothing to say.
    var detail: String
    var partitions: Int
    var replication: Int
    /// The settings that a new topic gets.
    var config: [String: String]
    /// What stays different however the action ends; empty when nothing does.
    var remainder = ""

    private enum CodingKeys: String, CodingKey {
        case topic, action, result, detail, partitions, replication, config
    }

    /// The step after its action.
    func ended(failure: String?) -> TopicStep {
        var step = self
        step.result = failure != nil ? .failed : self.remainder.isEmpty ? .done : .differs
        step.detail = failure ?? self.remainder
        return step
    }

    var isDue: Bool { self.result == .planned }

    static func steps(for plan: TopicPlan, addsPartitions: Bool) -> [TopicStep] {
        plan.entries.map { entry in
            var step = TopicStep(
                topic: entry.topic, action: .none, result: .ok, detail: entry.notes.joined(separator: "; "),
                partitions: entry.partitions, replication: entry.replication, config: entry.config)
            switch entry.action {
            case .ok: break
            case .create:
                step.action = .create
                step.result = .planned
            case .differs:
                step.detail = TopicTable.differences(entry)
                let canGrow = entry.differences.contains { $0.remedy == .addPartitions }
                step.action = canGrow && addsPartitions ? .addPartitions : .none
                step.result = step.action == .none ? .differs : .planned
                step.remainder = TopicTable.text(of: entry.differences.filter { $0.remedy != .addPartitions })
            }
            return step
        }
    }
}

/// How plans and steps look in a terminal.
enum TopicTable {
    static func plan(_ entries: [TopicPlan.Entry]) -> TextTable {
        var table = TextTable([
            .init("TOPIC"), .init("STATE"), .init("PARTITIONS", isRight: true), .init("COPIES", isRight: true),
            .init("DETAILS", least: 20),
        ])
        for entry in entries {
            let details = ([Self.differences(entry)] + entry.notes).filter { !$0.isEmpty }.joined(separator: "; ")
            let state: TextTable.Cell =
                switch entry.action {
                case .create: .init("missing", .bad)
                case .differs: .init("differs", .doubtful)
                case .ok: .init("ok", .good)
                }
            table.add([.init(entry.topic), state, "\(entry.partitions)", "\(entry.replication)", .init(details)])
        }
        return table
    }

    static func steps(_ steps: [TopicStep]) -> TextTable {
        var table = TextTable([
            .init("TOPIC"), .init("ACTION"), .init("RESULT"), .init("PARTITIONS", isRight: true),
            .init("COPIES", isRight: true), .init("DETAILS", least: 20),
        ])
        for step in steps {
            let style: TextStyle =
                switch step.result {
                case .done, .ok: .good
                case .planned, .differs: .doubtful
                case .failed: .bad
                }
            let action =
                switch step.action {
                case .create: "create"
                case .addPartitions: "add partitions"
                case .none: "-"
                }
            table.add([
                .init(step.topic), .init(action), .init(step.result.rawValue, style), "\(step.partitions)",
                "\(step.replication)", .init(step.detail),
            ])
        }
        return table
    }

    static func differences(_ entry: TopicPlan.Entry) -> String {
        self.text(of: entry.differences)
    }

    static func text(of differences: [TopicPlan.Difference]) -> String {
        differences.map { "\($0.setting) is \($0.actual ?? "not set"), declared \($0.declared)" }
            .joined(separator: "; ")
    }

    static func summary(_ plan: TopicPlan) -> String {
        let (missing, different) = (plan.entries(.create).count, plan.entries(.differs).count)
        return "\(missing) missing, \(different) different, \(plan.entries(.ok).count) as declared"
    }
}
