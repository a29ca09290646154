/// The buffer of one encoding and the containers which are open in it.
///
/// A container is written straight to the end of the buffer and closed when its owner writes elsewhere. A container
/// which is written to after that is kept as a closed one, into which new elements are moved.
///
/// What changes is not watched for overlapping access, which costs more than the access: no method keeps hold of a part
/// while it calls another.
final class EncodingState {
    /// An open container.
    struct Frame {
        let id: Int
        let isObject: Bool
        var isEmpty = true
        /// Whether it was made by another container and may be written to after it is closed.
        let isNested: Bool
        /// Where its members begin in `members` if they are to be sorted, else -1.
        let sortBase: Int
    }

    /// A complete container in the buffer.
    struct Closed {
        let id: Int
        var isObject: Bool
        var isEmpty: Bool
        /// The index of its opening bracket.
        var start: Int
        /// The index of its closing bracket.
        var end: Int
        /// Whether it stands for a value which is yet to be encoded.
        var isSlot = false
    }

    /// A member of an object to be sorted.
    struct Member {
        var start: Int
        var key: Range<Int>
        var end = 0
    }

    let buffer = OutputBuffer()
    @exclusivity(unchecked) private(set) var stack: [Frame] = []
    /// The name of the innermost open container, or 0.
    @exclusivity(unchecked) private var topID = 0
    /// Whether the innermost open container is empty; its frame is brought up to date when another is opened.
    @exclusivity(unchecked) var topIsEmpty = true
    @exclusivity(unchecked) private var topIsSorted = false
    @exclusivity(unchecked) var closed: [Closed] = []
    @exclusivity(unchecked) var members: [Member] = []
    @exclusivity(unchecked) private var lastID = 0
    /// What went wrong where nothing could be thrown.
    var failure: EncodingError?

    /// As it was when it was made, with its memory kept.
    func reset() {
        buffer.truncate(to: 0)
        // Empty they are nearly always, and to look is quicker.
        if !stack.isEmpty { stack.removeAll(keepingCapacity: true) }
        if !closed.isEmpty { closed.removeAll(keepingCapacity: true) }
        if !members.isEmpty { members.removeAll(keepingCapacity: true) }
        topID = 0
        topIsEmpty = true
        topIsSorted = false
        lastID = 0
        failure = nil
    }

    func nextID() -> Int {
        lastID &+= 1
        return lastID
    }

    /// Encodes the value of the whole document.
    func encodeRoot<T: Encodable>(_ value: T) throws {
        try encode(value)
        if let failure {
            throw failure
        }
        if buffer.count == 0 {
            throw Self.error(value, "The value did not encode anything.")
        }
    }

    static func error(_ value: Any, _ message: String) -> EncodingError {
        .invalidValue(value, EncodingError.Context(codingPath: [], debugDescription: message))
    }

    /// Opens a container at the end of the buffer.
    @inline(__always)
    func push(isObject: Bool, isNested: Bool, isSorted: Bool = false) -> ContainerHandle {
        buffer.append(isObject ? UInt8(ascii: "{") : UInt8(ascii: "["))
        let id = nextID()
        let depth = stack.count
        if depth > 0 {
            stack[depth &- 1].isEmpty = topIsEmpty
        }
        stack.append(
            Frame(id: id, isObject: isObject, isNested: isNested, sortBase: isSorted ? members.count : -1)
        )
        topID = id
        topIsEmpty = true
        topIsSorted = isSorted
        return ContainerHandle(id: id, depth: depth)
    }

    /// Closes the innermost open container.
    @inline(__always)
    func pop() {
        let frame = stack.removeLast()
        if frame.sortBase >= 0 {
            sortMembers(from: frame.sortBase)
        }
        buffer.append(frame.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
        loadTop()
    }

    /// Forgets the open containers above a depth.
    func drop(to depth: Int) {
        if stack.count > depth {
            stack.removeLast(stack.count - depth)
            loadTop()
        }
    }

    @inline(__always)
    private func loadTop() {
        guard let top = stack.last else {
            topID = 0
            return
        }
        topID = top.id
        topIsEmpty = top.isEmpty
        topIsSorted = top.sortBase >= 0
    }

    /// Closes the open containers above a depth, which may still be written to.
    func suspend(to depth: Int) {
        while stack.count > depth {
            let frame = stack[stack.count - 1]
            let isEmpty = topIsEmpty
            pop()
            let end = buffer.count - 1
            closed.append(
                Closed(id: frame.id, isObject: frame.isObject, isEmpty: isEmpty, start: end, end: end)
            )
        }
    }

    /// Closes the containers inside a container; returns false when the container itself is closed.
    @inline(__always)
    func makeInnermost(_ handle: ContainerHandle) -> Bool {
        if handle.id == topID {
            return true
        }
        let top = stack.count &- 1
        guard handle.depth <= top, handle.depth >= 0, stack[handle.depth].id == handle.id else {
            return false
        }
        if handle.depth < top {
            suspend(to: handle.depth + 1)
        }
        return true
    }

    /// Starts an element of the innermost container.
    @inline(__always)
    func beginElement() {
        if topIsSorted {
            members.append(Member(start: buffer.count, key: 0..<0))
        }
        if topIsEmpty {
            topIsEmpty = false
        } else {
            buffer.append(UInt8(ascii: ","))
        }
    }

    /// Writes a key of the innermost container and its colon.
    @inline(__always)
    func writeKey(_ key: consuming String) {
        let start = buffer.count
        buffer.write(key)
        if topIsSorted {
            members[members.count - 1].key = start + 1..<buffer.count - 1
        }
        buffer.append(UInt8(ascii: ":"))
    }
}

/// Names a container of one encoding; small, so that containers fit into existentials without allocation.
struct ContainerHandle {
    private let shortID: Int32
    private let shortDepth: Int32

    @inline(__always)
    init(id: Int, depth: Int) {
        shortID = Int32(truncatingIfNeeded: id)
        shortDepth = Int32(truncatingIfNeeded: depth)
    }

    @inline(__always)
    var id: Int {
        Int(shortID)
    }

    /// Its index among the open containers while it is open, or -1.
    @inline(__always)
    var depth: Int {
        Int(shortDepth)
    }
}
