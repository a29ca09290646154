extension EncodingState {
    /// Writes a member or element with a function of the state; undoes it when the function throws.
    @inline(__always)
    func element(_ handle: ContainerHandle, _ key: String?, _ write: () throws -> Void) throws {
        guard makeInnermost(handle) else {
            return try insertElement(handle, key, write)
        }
        let mark = Mark(buffer: buffer.count, closed: closed.count, isEmpty: topIsEmpty)
        beginElement()
        if let key {
            writeKey(key)
        }
        do {
            try write()
        } catch {
            undo(handle.depth, mark)
            throw error
        }
    }

    /// What an element of an open container starts from.
    private struct Mark {
        let buffer: Int
        let closed: Int
        let isEmpty: Bool
    }

    /// Takes back a failed element of an open container.
    @inline(never)
    private func undo(_ depth: Int, _ mark: Mark) {
        drop(to: depth + 1)
        closed.removeLast(closed.count - mark.closed)
        buffer.truncate(to: mark.buffer)
        while let last = members.last, last.start >= mark.buffer {
            members.removeLast()
        }
        topIsEmpty = mark.isEmpty
    }

    /// Writes an element and moves it into a closed container.
    @inline(never)
    private func insertElement(_ handle: ContainerHandle, _ key: String?, _ write: () throws -> Void) throws {
        guard let index = closed.lastIndex(where: { $0.id == handle.id }) else {
            throw Self.error(handle.id, "The container is no longer part of the document.")
        }
        let start = buffer.count
        let depth = stack.count
        let known = closed.count
        if !closed[index].isEmpty {
            buffer.append(UInt8(ascii: ","))
        }
        if let key {
            buffer.write(key)
            buffer.append(UInt8(ascii: ":"))
        }
        do {
            try write()
        } catch {
            drop(to: depth)
            closed.removeLast(closed.count - known)
            buffer.truncate(to: start)
            throw error
        }
        closed[index].isEmpty = false
        moveTail(from: start, to: closed[index].end, known)
    }

    /// Moves the end of the buffer to an earlier place; containers from `known` on lie in the moved part.
    private func moveTail(from start: Int, to place: Int, _ known: Int) {
        let length = buffer.moveTail(from: start, to: place)
        for index in closed.indices {
            if index >= known {
                closed[index].start -= start - place
                closed[index].end -= start - place
            } else {
                closed[index].start += closed[index].start >= place ? length : 0
                closed[index].end += closed[index].end >= place ? length : 0
            }
        }
    }

    /// Makes a container inside another one.
    func nested(_ handle: ContainerHandle, _ key: String?, isObject: Bool) -> ContainerHandle {
        if makeInnermost(handle) {
            beginElement()
            if let key {
                writeKey(key)
            }
            return push(isObject: isObject, isNested: true)
        }
        return ContainerHandle(id: slot(handle, key, isObject: isObject, isSlot: false), depth: -1)
    }

    /// Writes an empty container for a value which is encoded later; returns its name.
    func slot(_ handle: ContainerHandle, _ key: String?, isObject: Bool = true, isSlot: Bool = true) -> Int {
        let id = nextID()
        do {
            try element(handle, key) {
                let start = buffer.count
                buffer.append(isObject ? UInt8(ascii: "{") : UInt8(ascii: "["))
                buffer.append(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
                closed.append(
                    Closed(id: id, isObject: isObject, isEmpty: true, start: start, end: start + 1, isSlot: isSlot)
                )
            }
        } catch {
            failure = error as? EncodingError
        }
        return id
    }

    /// Makes a slot a container; returns false when it holds something else already.
    func openSlot(_ id: Int, isObject: Bool) -> Bool {
        guard let index = closed.lastIndex(where: { $0.id == id }) else {
            return false
        }
        if closed[index].isSlot {
            closed[index].isSlot = false
            closed[index].isObject = isObject
            buffer.replace(at: closed[index].start, with: isObject ? UInt8(ascii: "{") : UInt8(ascii: "["))
            buffer.replace(at: closed[index].end, with: isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
            return true
        }
        return closed[index].isObject == isObject && closed[index].end >= 0
    }

    /// Puts a value in the place of a slot.
    func fillSlot(_ id: Int, _ write: () throws -> Void) throws {
        guard let index = closed.lastIndex(where: { $0.id == id && $0.isSlot }) else {
            throw Self.error(id, "The value is encoded twice.")
        }
        let start = buffer.count
        let known = closed.count
        try write()
        let place = closed[index].end + 1
        closed.remove(at: index)
        moveTail(from: start, to: place, known - 1)
        // The empty container which held the place goes.
        buffer.remove(place - 2..<place)
        for other in closed.indices where closed[other].end >= place {
            closed[other].end -= 2
            closed[other].start -= closed[other].start >= place ? 2 : 0
        }
    }

    /// Puts the members of the innermost object, from an index on, in the byte order of their keys.
    @inline(never)
    func sortMembers(from base: Int) {
        defer { members.removeLast(members.count - base) }
        guard members.count - base > 1 else {
            return
        }
        for index in base..<members.count {
            members[index].end = index + 1 < members.count ? members[index + 1].start : buffer.count
        }
        let bodyStart = members[base].start
        let bytes = buffer.bytes
        let sorted = members[base...].sorted { one, other in
            bytes[one.key].lexicographicallyPrecedes(bytes[other.key])
        }
        var body: [UInt8] = []
        body.reserveCapacity(buffer.count - bodyStart)
        for (index, member) in sorted.enumerated() {
            if index > 0 {
                body.append(UInt8(ascii: ","))
            }
            body.append(contentsOf: bytes[member.key.lowerBound - 1..<member.end])
        }
        buffer.replaceTail(from: bodyStart, with: body)
    }
}
