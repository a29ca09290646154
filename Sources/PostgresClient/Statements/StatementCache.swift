/// What is prepared on one connection, by the statement's text and its parameters' types.
///
/// A null parameter has no type of its own: the server infers one at the first use, so that a later value of another
/// type needs a preparation of its own.
struct StatementCache {
    /// How a call is to be sent.
    enum Plan: Equatable {
        case execute(name: String)
        /// Prepare under this name, then execute.
        case prepare(name: String, types: [PostgresType])
        /// Without keeping it.
        case once(types: [PostgresType])
    }

    private struct Variant {
        let name: String
        let types: [PostgresType]
    }

    private var variants: [String: [Variant]] = [:]
    private var count = 0
    private var made = 0
    private let limit: Int

    init(limit: Int = 512) { self.limit = limit }

    mutating func plan(for call: PostgresCall) -> Plan {
        guard call.statement.isPrepared else { return .once(types: call.parameters.map(\.type)) }
        let known = self.variants[call.statement.text]
        if let known {
            for variant in known where Self.fits(variant.types, call.parameters) { return .execute(name: variant.name) }
        }
        // Nulls take the type that another variant knows, so that few variants come about.
        let types = call.parameters.enumerated().map { index, value in
            guard case .null = value else { return value.type }
            // Other calls may have had fewer parameters, by mistake; the server says so.
            return known?.lazy.filter { $0.types.count > index }.map { $0.types[index] }.first { $0 != .inferred }
                ?? .inferred
        }
        guard self.count < self.limit else { return .once(types: types) }
        self.made += 1
        self.count += 1
        let name = "a\(self.made)"
        self.variants[call.statement.text, default: []].append(Variant(name: name, types: types))
        return .prepare(name: name, types: types)
    }

    /// Forgets what could not be prepared, or what the server does not know or want any more.
    mutating func forget(name: String, text: String) {
        guard var known = self.variants[text], let index = known.firstIndex(where: { $0.name == name }) else { return }
        known.remove(at: index)
        self.count -= 1
        self.variants[text] = known.isEmpty ? nil : known
    }

    private static func fits(_ types: [PostgresType], _ values: [PostgresValue]) -> Bool {
        guard types.count == values.count else { return false }
        for (type, value) in zip(types, values) {
            if case .null = value { continue }
            if type != value.type { return false }
        }
        return true
    }
}
