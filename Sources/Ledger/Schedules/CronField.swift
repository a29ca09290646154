/// One field of a cron expression: the numbers that it allows.
struct CronField: Hashable, Sendable {
    private var bits: UInt64 = 0
    /// It begins with `*`.
    let isOpen: Bool

    /// - Parameters:
    ///   - title: For messages.
    ///   - names: Stand for numbers from `firstName` on.
    init(
        _ text: String, _ title: String, _ limits: ClosedRange<Int>, names: [String] = [], firstName: Int = 0
    ) throws(CronError) {
        self.isOpen = text.hasPrefix("*")

        func number(_ text: Substring) throws(CronError) -> Int {
            if let index = names.firstIndex(of: text.lowercased()) { return firstName + index }
            guard text.allSatisfy({ $0.isASCII && $0.isNumber }), let value = Int(text), limits.contains(value) else {
                let kinds = names.isEmpty ? "" : " or a name such as \(names[0])"
                throw CronError(
                    "\(title): \(text.isEmpty ? "a number is missing" : "\(text) is not")"
                        + (text.isEmpty ? "" : " a number from \(limits.lowerBound) to \(limits.upperBound)\(kinds)"))
            }
            return value
        }

        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            var step = 1
            if halves.count == 2 {
                guard halves[1].allSatisfy({ $0.isASCII && $0.isNumber }), let value = Int(halves[1]), value > 0 else {
                    throw CronError("\(title): after / belongs a number above 0")
                }
                step = value
            }
            let first: Int
            let last: Int
            let ends = halves[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            if halves[0] == "*" {
                (first, last) = (limits.lowerBound, limits.upperBound)
            } else if ends.count == 2 {
                (first, last) = (try number(ends[0]), try number(ends[1]))
                guard first <= last else { throw CronError("\(title): \(halves[0]) runs backwards") }
            } else {
                first = try number(halves[0])
                // `5/15` is from 5 on, every 15.
                last = halves.count == 2 ? limits.upperBound : first
            }
            for value in stride(from: first, through: last, by: step) { self.bits |= 1 << UInt64(value) }
        }
    }

    func contains(_ value: Int) -> Bool { self.bits & (1 << UInt64(value)) != 0 }

    /// The least number that is allowed and not below this one.
    func first(from value: Int) -> Int? {
        guard value < 64 else { return nil }
        let rest = self.bits >> UInt64(value)
        return rest == 0 ? nil : value + rest.trailingZeroBitCount
    }

    /// All that are allowed, in order.
    var values: [Int] { (0..<64).filter(self.contains) }

    /// Two numbers mean the same.
    func folding(_ value: Int, into other: Int) -> CronField {
        guard self.contains(value) else { return self }
        var field = self
        field.bits &= ~(1 << UInt64(value))
        field.bits |= 1 << UInt64(other)
        return field
    }
}
