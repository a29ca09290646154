/// A collection which can leave out the children that cannot be decoded.
protocol CollectingContainer {
    /// Decodes the children that can be decoded; returns nil when the value is of another kind.
    static func collect(from state: DecodingState, at node: Int) throws -> Any?
}

extension Array: CollectingContainer where Element: Decodable {
    static func collect(from state: DecodingState, at node: Int) throws -> Any? {
        guard state.isKind(.array, node) else {
            return try state.reject(node, .type, "must be an array", [Element].self, [Element]())
        }
        var result: [Element] = []
        var child = node + 1
        let end = state.document.index(after: node)
        while child < end {
            if let element = try state.collectedChild(Element.self, at: child) {
                result.append(element)
            }
            child = state.document.index(after: child)
        }
        return result
    }
}

extension Dictionary: CollectingContainer where Key: Decodable, Value: Decodable {
    static func collect(from state: DecodingState, at node: Int) throws -> Any? {
        guard Key.self == String.self else {
            return nil
        }
        guard state.isKind(.object, node) else {
            return try state.reject(node, .type, "must be an object", [Key: Value].self, [Key: Value]())
        }
        var result: [String: Value] = [:]
        var key = node + 1
        let end = state.document.index(after: node)
        while key < end {
            if let value = try state.collectedChild(Value.self, at: key + 1) {
                result[state.document.text(at: key)] = value
            }
            key = state.document.index(after: key + 1)
        }
        return result
    }
}

extension DecodingState {
    /// A child of a collection, or nil when it has problems and no placeholder can be made.
    func collectedChild<T: Decodable>(_ type: T.Type, at node: Int) throws -> T? {
        do {
            return try decode(type, at: node)
        } catch {
            if collector.problems.count >= options.maxProblems {
                throw error
            }
            return nil
        }
    }
}
