/// The elements of an array.
struct UnkeyedNodeContainer: UnkeyedDecodingContainer {
    let state: DecodingState
    // Narrow integers let the container fit into an existential without allocation.
    private let shortArray: Int32
    private let shortEnd: Int32
    private var shortNext: Int32
    private var shortIndex: Int32 = 0

    init(state: DecodingState, array: Int) {
        self.state = state
        shortArray = Int32(truncatingIfNeeded: array)
        shortNext = Int32(truncatingIfNeeded: array + 1)
        shortEnd = Int32(truncatingIfNeeded: array < 0 ? 0 : state.document.index(after: array))
    }

    private var array: Int {
        Int(shortArray)
    }

    private var next: Int {
        Int(shortNext)
    }

    var currentIndex: Int {
        Int(shortIndex)
    }

    var codingPath: [any CodingKey] {
        state.path(to: array)
    }

    var count: Int? {
        array < 0 ? 0 : state.document.childCount(of: array)
    }

    var isAtEnd: Bool {
        shortNext >= shortEnd
    }

    mutating func decodeNil() throws -> Bool {
        if isAtEnd {
            return try ended(Never?.self, true)
        }
        guard state.isNull(next) else {
            return false
        }
        advance()
        return true
    }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        if isAtEnd {
            return try ended(type, try state.decode(type, at: DecodingState.void))
        }
        let value = try state.decode(type, at: next)
        advance()
        return value
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type
    ) throws -> KeyedDecodingContainer<NestedKey> {
        let node = try take([String: JSONValue].self)
        return KeyedDecodingContainer(KeyedNodeContainer<NestedKey>(state: state, object: try state.object(node)))
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        UnkeyedNodeContainer(state: state, array: try state.array(try take([JSONValue].self)))
    }

    mutating func superDecoder() throws -> any Decoder {
        NodeDecoder(state: state, node: try take((any Decoder).self))
    }

    @inline(__always)
    private mutating func advance() {
        shortNext = Int32(truncatingIfNeeded: state.document.index(after: next))
        shortIndex += 1
    }

    /// The current element, which is passed over; throws at the end, or returns the absent value.
    private mutating func take<T>(_ type: T.Type) throws -> Int {
        if isAtEnd {
            return try ended(type, DecodingState.void)
        }
        defer { advance() }
        return next
    }

    /// Reads the current element with a function of the state.
    @inline(__always)
    mutating func scalar<T>(_ read: (Int) throws -> T) throws -> T {
        if isAtEnd {
            return try ended(T.self, try read(DecodingState.void))
        }
        let value = try read(next)
        advance()
        return value
    }

    /// Answers a read past the last element: throws, or records the problem and returns the placeholder.
    @inline(never)
    private func ended<T, Answer>(_ type: T.Type, _ answer: @autoclosure () throws -> Answer) throws -> Answer {
        let path = codingPath + [PathKey(intValue: currentIndex)]
        guard state.isCollecting else {
            let context = DecodingError.Context(codingPath: path, debugDescription: "The array has no more elements.")
            throw DecodingError.valueNotFound(type, context)
        }
        if array >= 0 {
            try state.record(at: path, .required, "is required")
        }
        return try answer()
    }
}
