extension DecodingState {
    /// Decodes the document anew and records every problem.
    func collect<T: Decodable>(_ type: T.Type) -> (value: T?, problems: [JSONProblem]) {
        isCollecting = true
        let value = try? decode(type, at: 0)
        if value == nil, collector.problems.isEmpty {
            collector.add(JSONProblem(path: "", code: JSONProblem.formatCode, message: "is not a valid value"))
        }
        return (value, collector.problems)
    }

    /// Records a problem; throws to stop when there are too many.
    func record(at path: [any CodingKey], _ code: FailureCode, _ message: String) throws {
        guard collector.problems.count < options.maxProblems else {
            throw ProblemCollector.GiveUp()
        }
        collector.add(JSONProblem(path: PathKey.text(path), code: code.text, message: message))
    }

    /// Decodes a value which needs containers, with its problems recorded and placeholders in their places.
    func collected<T: Decodable>(_ type: T.Type, at node: Int) throws -> T {
        guard node >= 0 else {
            return try placeholder(type)
        }
        if let value = strict(type, at: node) {
            return value
        }
        guard collector.problems.count < options.maxProblems else {
            throw ProblemCollector.GiveUp()
        }
        if let container = T.self as? any CollectingContainer.Type,
            let value = try container.collect(from: self, at: node) as? T
        {
            return value
        }
        let before = collector.problems.count
        do {
            let value = try T(from: NodeDecoder(state: self, node: node))
            if collector.problems.count == before {
                try record(DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: "")), type, at: node)
            }
            return value
        } catch {
            if collector.problems.count == before || !(error is ProblemCollector.GiveUp) {
                try record(error, type, at: node)
            }
            return try placeholder(type)
        }
    }

    /// The value if it has no problem at all.
    private func strict<T: Decodable>(_ type: T.Type, at node: Int) -> T? {
        isCollecting = false
        defer { isCollecting = true }
        return try? T(from: NodeDecoder(state: self, node: node))
    }

    /// Records what a type threw while it was decoded.
    private func record<T>(_ error: any Error, _ type: T.Type, at node: Int) throws {
        let own = path(to: node)
        var target = own
        var code = FailureCode.format
        var message = "is not a valid value"
        switch error as? DecodingError {
        case .keyNotFound(let key, let context):
            target = context.codingPath + [PathKey(stringValue: key.stringValue)]
            (code, message) = (.required, "is required")
        case .valueNotFound(_, let context):
            target = context.codingPath
            (code, message) = (.required, "is required")
        case .typeMismatch(_, let context):
            target = context.codingPath
            (code, message) = (.type, "is not of the expected kind")
        case .dataCorrupted(let context):
            target = context.codingPath
        default:
            break
        }
        if target.count <= own.count {
            target = own
            if isNull(node) {
                (code, message) = (.required, "is required")
            } else if code == .format, let values = AllowedValues.text(of: type) {
                message = "must be one of: \(values)"
            }
        }
        if !collector.knows(PathKey.text(target)) {
            try record(at: target, code, message)
        }
    }

    /// A value which stands in for one that is missing or bad; throws when none can be made.
    func placeholder<T: Decodable>(_ type: T.Type) throws -> T {
        if let first = AllowedValues.first(of: type) {
            return first
        }
        guard collector.depth < 32 else {
            throw ProblemCollector.GiveUp()
        }
        collector.depth += 1
        defer { collector.depth -= 1 }
        if collector.depth > 1 {
            return try T(from: NodeDecoder(state: self, node: Self.void))
        }
        defer { collector.seed = ProblemCollector.Seed() }
        for seed in ProblemCollector.Seed.candidates {
            collector.seed = seed
            if let value = try? T(from: NodeDecoder(state: self, node: Self.void)) {
                return value
            }
        }
        throw ProblemCollector.GiveUp()
    }
}
