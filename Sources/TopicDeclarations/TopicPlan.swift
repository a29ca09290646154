/// A topic as a cluster describes it.
public struct ClusterTopic: Hashable, Sendable {
    public var name: String
    public var partitions: Int
    /// nil when the cluster does not tell; then it is not compared.
    public var replicationFactor: Int?
    /// All settings with their values in force; nil when the cluster does not tell; then they are not compared.
    public var config: [String: String]?

    public init(name: String, partitions: Int, replicationFactor: Int? = nil, config: [String: String]? = nil) {
        self.name = name
        self.partitions = partitions
        self.replicationFactor = replicationFactor
        self.config = config
    }
}

/// What separates a cluster from the declarations, topic by topic.
public struct TopicPlan: Hashable, Sendable, Codable {
    /// What is to be done about one topic.
    public enum Action: String, Hashable, Sendable, Codable, CaseIterable {
        /// The cluster lacks the topic.
        case create
        /// The cluster has the topic, but not as declared.
        case differs
        case ok
    }

    /// One setting that is not as declared.
    public struct Difference: Hashable, Sendable, Codable {
        /// How a cluster could be brought in line.
        public enum Remedy: String, Hashable, Sendable, Codable, CaseIterable {
            /// Partitions can be added, which moves keys to other partitions.
            case addPartitions
            /// A setting of the topic can be altered.
            case alterConfig
            /// Nothing short of reassigning replicas or making the topic anew.
            case none
        }

        /// `partitions`, `replication` or the name of a Kafka topic setting.
        public var setting: String
        public var declared: String
        /// nil when the cluster has no such setting.
        public var actual: String?
        public var remedy: Remedy

        public init(setting: String, declared: String, actual: String?, remedy: Remedy) {
            self.setting = setting
            self.declared = declared
            self.actual = actual
            self.remedy = remedy
        }
    }

    /// One topic of the plan.
    public struct Entry: Hashable, Sendable, Codable {
        public var topic: String
        public var action: Action
        /// Empty unless the action is `differs`.
        public var differences: [Difference]
        /// What an operator should know and no action mends.
        public var notes: [String]
        /// As declared.
        public var partitions: Int
        public var replication: Int
        public var config: [String: String]
    }

    /// In the order of the declarations.
    public var entries: [Entry]

    /// Compares.
    ///
    /// - Parameter brokers: How many brokers the cluster has; with fewer than the declared copies, that many copies are
    ///   expected and a note says so.
    public init(declared: [TopicDeclaration], cluster: [ClusterTopic], brokers: Int? = nil) {
        let existing = Dictionary(cluster.map { ($0.name, $0) }) { first, _ in first }
        self.entries = declared.map { topic in
            let copies = brokers.map { min(topic.replicationFactor, max(1, $0)) } ?? topic.replicationFactor
            var entry = Entry(
                topic: topic.name, action: .create, differences: [], notes: [], partitions: topic.partitions,
                replication: copies, config: topic.config)
            if copies < topic.replicationFactor, let brokers {
                entry.notes = [
                    "\(topic.replicationFactor) copies are declared, but the cluster has only "
                        + (brokers == 1 ? "1 broker" : "\(brokers) brokers")
                ]
            }
            guard let actual = existing[topic.name] else { return entry }
            entry.differences = Self.differences(topic, copies: copies, actual)
            entry.action = entry.differences.isEmpty ? .ok : .differs
            return entry
        }
    }

    /// Whether the cluster is as declared.
    public var isSatisfied: Bool { self.entries.allSatisfy { $0.action == .ok } }

    public func entries(_ action: Action) -> [Entry] { self.entries.filter { $0.action == action } }

    private static func differences(
        _ declared: TopicDeclaration, copies: Int, _ actual: ClusterTopic
    ) -> [Difference] {
        var differences: [Difference] = []
        if actual.partitions != declared.partitions {
            differences.append(
                Difference(
                    setting: "partitions", declared: "\(declared.partitions)", actual: "\(actual.partitions)",
                    remedy: actual.partitions < declared.partitions ? .addPartitions : .none))
        }
        if let factor = actual.replicationFactor, factor != copies {
            differences.append(
                Difference(setting: "replication", declared: "\(copies)", actual: "\(factor)", remedy: .none))
        }
        guard let config = actual.config else { return differences }
        for (name, wanted) in declared.config.sorted(by: { $0.key < $1.key })
        where !self.isSame(wanted, config[name]) {
            differences.append(
                Difference(setting: name, declared: wanted, actual: config[name], remedy: .alterConfig))
        }
        return differences
    }

    /// Lists such as `compact,delete` are equal in any order.
    private static func isSame(_ wanted: String, _ actual: String?) -> Bool {
        guard let actual else { return false }
        if wanted == actual { return true }
        let trim: (Substring) -> String = { $0.filter { $0 != " " } }
        return wanted.contains(",")
            && wanted.split(separator: ",").map(trim).sorted() == actual.split(separator: ",").map(trim).sorted()
    }
}
