/// The class of a failure to decode.
enum FailureCode {
    case required
    case type
    case format
    case range

    var text: String {
        switch self {
        case .required: JSONProblem.requiredCode
        case .type: JSONProblem.typeCode
        case .format: JSONProblem.formatCode
        case .range: JSONProblem.rangeCode
        }
    }
}

extension DecodingState {
    /// Answers a value which cannot be used: throws, or records the problem and returns the placeholder.
    @inline(never)
    func reject<Answer>(
        _ node: Int,
        _ code: FailureCode,
        _ message: String,
        _ type: Any.Type,
        _ placeholder: @autoclosure () -> Answer
    ) throws -> Answer {
        if isCollecting {
            if node >= 0 {
                let isNull = isNull(node)
                try record(at: path(to: node), isNull ? .required : code, isNull ? "is required" : message)
            }
            return placeholder()
        }
        let context = DecodingError.Context(codingPath: path(to: node), debugDescription: "The value \(message).")
        if isNull(node) {
            throw DecodingError.valueNotFound(type, context)
        }
        throw code == .type ? DecodingError.typeMismatch(type, context) : DecodingError.dataCorrupted(context)
    }

    /// Answers a key which an object lacks: throws, or records the problem and returns the placeholder.
    @inline(never)
    func missing<T>(_ key: any CodingKey, in object: Int, _ placeholder: @autoclosure () throws -> T) throws -> T {
        guard isCollecting else {
            let context = DecodingError.Context(
                codingPath: path(to: object),
                debugDescription: "The key \"\(key.stringValue)\" is missing."
            )
            throw DecodingError.keyNotFound(key, context)
        }
        if object >= 0 {
            try record(at: path(to: object) + [PathKey(stringValue: key.stringValue)], .required, "is required")
        }
        return try placeholder()
    }

    /// The keys and indices which lead to a value.
    func path(to node: Int) -> [any CodingKey] {
        var path: [any CodingKey] = []
        var container = 0
        while container < node {
            let isObject = document.tape[container].isKind(.object)
            let step = isObject ? 1 : 0
            var (child, ordinal) = collector.resumePoint(level: path.count, container: container, before: node)
            while document.index(after: child + step) <= node {
                child = document.index(after: child + step)
                ordinal += 1
            }
            collector.remember(level: path.count, container: container, child: child, ordinal: ordinal)
            if isObject {
                path.append(PathKey(stringValue: collector.names[child + 1] ?? document.text(at: child)))
            } else {
                path.append(PathKey(intValue: ordinal))
            }
            container = child + step
        }
        return path
    }
}
