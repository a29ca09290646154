/// Turns bytes into a tape in one pass, without recursion.
struct TapeParser {
    let base: UnsafePointer<UInt8>
    let count: Int
    let maxDepth: Int
    let refusesDuplicates: Bool
    var tape: [TapeEntry]
    var position = 0
    /// The innermost open container, as an index into the tape, or -1.
    var container = -1
    var depth = 0

    init(base: UnsafePointer<UInt8>, count: Int, limits: JSONLimits) {
        self.base = base
        self.count = count
        self.maxDepth = min(limits.maxDepth, JSONLimits.deepest)
        self.refusesDuplicates = !limits.allowsDuplicateKeys
        self.tape = []
        tape.reserveCapacity(count / 8 + 8)
    }

    /// Parses the whole document.
    mutating func parse() throws(JSONError) {
        if count >= 3, base[0] == 0xEF, base[1] == 0xBB, base[2] == 0xBF {
            throw failure(.syntax, "a byte order mark is not allowed", at: 0)
        }
        skipSpace()
        var complete = false
        while !complete {
            if try value() {
                complete = try finishValues()
            }
        }
        skipSpace()
        if position < count {
            throw failure(.syntax, "unexpected bytes after the document", at: position)
        }
    }

    /// Reads one value; returns false when it opened a container whose first child comes next.
    @inline(__always)
    private mutating func value() throws(JSONError) -> Bool {
        guard position < count else {
            throw ended()
        }
        switch base[position] {
        case UInt8(ascii: "\""):
            let (start, escaped) = try scanString()
            append(.string, escaped ? TapeEntry.escaped : 0, start, position - 1)
        case UInt8(ascii: "{"):
            return try !openObject()
        case UInt8(ascii: "["):
            return try !openArray()
        case UInt8(ascii: "t"):
            try scanWord(0x6575_7274, 4, .bool, TapeEntry.truth)
        case UInt8(ascii: "n"):
            try scanWord(0x6C6C_756E, 4, .null, 0)
        case UInt8(ascii: "f"):
            guard position + 5 <= count, base[position + 4] == UInt8(ascii: "e") else {
                throw failure(.syntax, "unknown literal", at: position)
            }
            try scanWord(0x736C_6166, 5, .bool, 0)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            try scanNumber()
        default:
            throw failure(.syntax, "a value was expected", at: position)
        }
        return true
    }

    /// Handles what follows a finished value; returns true when the document is complete.
    @inline(__always)
    private mutating func finishValues() throws(JSONError) -> Bool {
        while container >= 0 {
            addChild()
            skipSpace()
            guard position < count else {
                throw ended()
            }
            let byte = base[position]
            let isObject = tape[container].isKind(.object)
            if byte == UInt8(ascii: ",") {
                position += 1
                skipSpace()
                if isObject {
                    try scanKey()
                }
                return false
            }
            guard byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                throw failure(.syntax, "a comma or the end of the container was expected", at: position)
            }
            try close()
        }
        return true
    }

    /// Opens an object; returns true when a first member follows.
    private mutating func openObject() throws(JSONError) -> Bool {
        try open(.object)
        guard position < count else {
            throw ended()
        }
        if base[position] == UInt8(ascii: "}") {
            try close()
            return false
        }
        try scanKey()
        return true
    }

    /// Opens an array; returns true when a first element follows.
    private mutating func openArray() throws(JSONError) -> Bool {
        try open(.array)
        guard position < count else {
            throw ended()
        }
        if base[position] == UInt8(ascii: "]") {
            try close()
            return false
        }
        return true
    }

    private mutating func open(_ kind: JSONKind) throws(JSONError) {
        guard depth < maxDepth else {
            throw failure(.depth, "arrays and objects are nested too deeply", at: position)
        }
        depth += 1
        let parent = container < 0 ? TapeEntry.noParent : UInt32(truncatingIfNeeded: container)
        container = tape.count
        tape.append(TapeEntry(kind: kind, start: position, end: 0, next: parent))
        position += 1
        skipSpace()
    }

    private mutating func close() throws(JSONError) {
        position += 1
        let entry = tape[container]
        if refusesDuplicates, entry.isKind(.object), entry.childCount > Self.inlineKeys {
            try refuseDuplicates(in: container)
        }
        let parent = entry.next
        tape[container].end = UInt32(truncatingIfNeeded: position)
        tape[container].next = UInt32(truncatingIfNeeded: tape.count)
        container = parent == TapeEntry.noParent ? -1 : Int(parent)
        depth -= 1
    }

    @inline(__always)
    private mutating func addChild() {
        if tape[container].info >> 8 < TapeEntry.countLimit {
            tape[container].info &+= TapeEntry.oneChild
        }
    }

    @inline(__always)
    mutating func append(_ kind: JSONKind, _ flags: UInt32, _ start: Int, _ end: Int) {
        let next = UInt32(truncatingIfNeeded: tape.count &+ 1)
        tape.append(TapeEntry(kind: kind, flags: flags, start: start, end: end, next: next))
    }

    @inline(__always)
    mutating func skipSpace() {
        while position < count {
            let byte = base[position]
            guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else {
                return
            }
            position &+= 1
        }
    }
}
