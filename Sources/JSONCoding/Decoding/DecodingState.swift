/// What the containers of one decoding share.
///
/// Values are named by their index on the tape; `void` names the absent value from which placeholders come.
final class DecodingState {
    /// The index of the absent value.
    static let void = -1

    let document: JSONDocument
    let options: FastJSONDecoder
    /// The object which was looked into last, and the key after the member found there.
    private var lastObject = -1
    private var lastCursor = 0

    /// Whether failures are recorded and answered with placeholders.
    private var underscoresObject = -1
    private var underscores = false
    var isCollecting = false
    var collector = ProblemCollector()

    init(_ document: JSONDocument, _ options: FastJSONDecoder) {
        self.document = document
        self.options = options
    }

    /// The value of the member with a key, or `void`.
    @inline(__always)
    func find(_ name: consuming String, in object: Int) -> Int {
        guard object >= 0 else {
            return Self.void
        }
        var cursor = lastObject == object ? lastCursor : object &+ 1
        let found = name.withUTF8 { bytes in
            let exact = document.find(bytes, in: object, cursor: &cursor)
            if exact >= 0 || !options.acceptsSnakeCase || !hasUnderscores(in: object) {
                return exact
            }
            return document.findSnakeCase(bytes, in: object, cursor: &cursor)
        }
        lastObject = object
        lastCursor = cursor
        if isCollecting, found >= 0 {
            collector.names[found] = name
        }
        return found
    }

    /// Whether some key of an object has an underscore or an escape; looked up once for an object that is read in one go.
    @inline(__always)
    private func hasUnderscores(in object: Int) -> Bool {
        if underscoresObject != object {
            underscoresObject = object
            underscores = document.hasUnderscoreKey(in: object)
        }
        return underscores
    }

    /// Makes the next lookup in an object start after one of its values.
    @inline(__always)
    func resume(_ object: Int, after value: Int) {
        guard object >= 0, value >= 0 else {
            return
        }
        lastObject = object
        lastCursor = document.index(after: value)
    }

    /// Whether a value is null or absent.
    @inline(__always)
    func isNull(_ node: Int) -> Bool {
        node < 0 || document.tape[node].isKind(.null)
    }

    /// Whether a value is there and of a kind.
    @inline(__always)
    func isKind(_ kind: JSONKind, _ node: Int) -> Bool {
        node >= 0 && document.tape[node].isKind(kind)
    }

    /// The keys of an object which a key type knows.
    func keys<Key: CodingKey>(of object: Int) -> [Key] {
        guard object >= 0 else {
            return []
        }
        var keys: [Key] = []
        keys.reserveCapacity(document.childCount(of: object))
        let end = document.index(after: object)
        var index = object + 1
        while index < end {
            let text = document.text(at: index)
            if let key = Key(stringValue: text) {
                keys.append(key)
            } else if options.acceptsSnakeCase, let key = Key(stringValue: SnakeCase.camelCase(text)) {
                keys.append(key)
            }
            index = document.index(after: index + 1)
        }
        return keys
    }
}
