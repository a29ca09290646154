extension DecodingState {
    @inline(__always)
    func bool(at node: Int) throws -> Bool {
        guard isKind(.bool, node) else {
            return try reject(node, .type, "must be true or false", Bool.self, collector.seed.bool)
        }
        return document.tape[node].has(TapeEntry.truth)
    }

    @inline(__always)
    func string(at node: Int) throws -> String {
        guard isKind(.string, node) else {
            return try reject(node, .type, "must be a string", String.self, collector.seed.text)
        }
        return document.text(at: node)
    }

    @inline(__always)
    func integer<T: FixedWidthInteger>(_ type: T.Type, at node: Int) throws -> T {
        if isKind(.number, node), let small = document.smallInteger(at: node), let value = T(exactly: small) {
            return value
        }
        return try slowInteger(type, at: node)
    }

    @inline(never)
    private func slowInteger<T: FixedWidthInteger>(_ type: T.Type, at node: Int) throws -> T {
        let placeholder = T(truncatingIfNeeded: collector.seed.number)
        guard isKind(.number, node) else {
            return try reject(node, .type, "must be a whole number", type, placeholder)
        }
        let number = document.number(at: node)
        if let value = number.integer(as: type) {
            return value
        }
        guard number.isWhole else {
            return try reject(node, .type, "must be a whole number", type, placeholder)
        }
        let message = "must be a whole number from \(T.min) to \(T.max)"
        return try reject(node, .range, message, type, placeholder)
    }

    @inline(__always)
    func double(at node: Int) throws -> Double {
        guard isKind(.number, node) else {
            return try reject(node, .type, "must be a number", Double.self, Double(collector.seed.number))
        }
        if let value = document.number(at: node).simpleDouble {
            return value
        }
        if let value = Double(document.numberText(at: node)), value.isFinite {
            return value
        }
        return try reject(node, .range, "must be a number within the range of a double", Double.self, 0)
    }

    func float(at node: Int) throws -> Float {
        guard isKind(.number, node) else {
            return try reject(node, .type, "must be a number", Float.self, Float(collector.seed.number))
        }
        if let value = Float(document.numberText(at: node)), value.isFinite {
            return value
        }
        return try reject(node, .range, "must be a number within the range of a float", Float.self, 0)
    }
}

extension JSONDocument {
    /// A number of at most 18 digits without fraction or exponent, or nil.
    @inline(__always)
    func smallInteger(at index: Int) -> Int64? {
        let entry = tape[index]
        guard entry.has(TapeEntry.whole), entry.end &- entry.start <= 18 else {
            return nil
        }
        return withBase { base in
            var position = Int(entry.start)
            let end = Int(entry.end)
            let isNegative = base[position] == UInt8(ascii: "-")
            if isNegative {
                position &+= 1
            }
            var value: Int64 = 0
            while position < end {
                value = value &* 10 &+ Int64(base[position] &- UInt8(ascii: "0"))
                position &+= 1
            }
            return isNegative ? 0 &- value : value
        }
    }
}
