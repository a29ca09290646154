import Commands
import JSONCoding

/// The command of the load lab: echoes, waits and fails as told; everything is optional.
public struct LabRun: Command {
    public static let type: CommandType = "lab.run"
    public typealias Output = LabResult

    /// How a run fails on demand.
    public enum Failure: String, Codable, Sendable, CaseIterable {
        case transient, permanent, rejected
    }

    /// Any JSON, returned as it came.
    public var echo: JSONFragment?
    /// Milliseconds of waiting, or an object with `min` and `max` between which they are drawn.
    public var durationMs: JSONValue?
    public var fail: Failure?
    /// Fails the first so many attempts only; as transient when `fail` does not say otherwise.
    public var failFirst: Int?
    /// The chance of a permanent failure, 0 to 100; drawn first.
    public var failPermanentPct: Double?
    /// The chance of a transient failure, 0 to 100; drawn second.
    public var failTransientPct: Double?
    /// The chance of a rejection, 0 to 100; drawn third.
    public var failRejectedPct: Double?
    /// The chance of sleeping past the deadline, 0 to 100; drawn last.
    public var timeoutPct: Double?
    /// Bytes of padding in the output.
    public var padBytes: Int?

    /// A run that succeeds at once.
    public init() {}

    /// The longest wait that may be asked for: one day.
    static let longestWait = 86_400_000.0

    public func validate(_ problems: inout Problems) {
        self.validateDuration(&problems)
        self.validate(self.failPermanentPct, "failPermanentPct", &problems)
        self.validate(self.failTransientPct, "failTransientPct", &problems)
        self.validate(self.failRejectedPct, "failRejectedPct", &problems)
        self.validate(self.timeoutPct, "timeoutPct", &problems)
        if let count = self.failFirst, count < 0 {
            problems.add(at: "failFirst", code: "range", "must be 0 or more")
        }
        if let count = self.padBytes, !(0...1_000_000).contains(count) {
            problems.add(at: "padBytes", code: "range", "must be from 0 to 1000000")
        }
    }

    private func validate(_ percentage: Double?, _ path: String, _ problems: inout Problems) {
        if let percentage, !(0...100).contains(percentage) {
            problems.add(at: path, code: "range", "must be from 0 to 100")
        }
    }

    private func validateDuration(_ problems: inout Problems) {
        switch self.durationMs {
        case nil, .null: break
        case .number(let wait): self.validate(wait.double, "durationMs", &problems)
        case .object(let members):
            var bounds: [Double] = []
            for name in ["min", "max"] {
                let path = "durationMs.\(name)"
                guard let value = members[name], value != .null else {
                    problems.add(at: path, code: "required", "is required")
                    continue
                }
                guard let number = value.numberValue else {
                    problems.add(at: path, code: "type", "must be a number")
                    continue
                }
                if self.validate(number.double, path, &problems) { bounds.append(number.double) }
            }
            if bounds.count == 2, bounds[0] > bounds[1] {
                problems.add(at: "durationMs.min", code: "range", "must be at most durationMs.max")
            }
        default:
            problems.add(at: "durationMs", code: "type", "must be a number or an object with min and max")
        }
    }

    @discardableResult
    private func validate(_ wait: Double, _ path: String, _ problems: inout Problems) -> Bool {
        if (0...Self.longestWait).contains(wait) { return true }
        problems.add(at: path, code: "range", "must be from 0 to 86400000")
        return false
    }

    /// Milliseconds to wait, drawn when a range is given; for validated data.
    func drawWait(_ unit: () -> Double) -> Double {
        switch self.durationMs {
        case .number(let wait): return wait.double
        case .object(let members):
            let least = members["min"]?.numberValue?.double ?? 0
            let most = members["max"]?.numberValue?.double ?? least
            return least + (most - least) * unit()
        default: return 0
        }
    }
}

/// What a run returns.
public struct LabResult: Codable, Sendable, Hashable {
    /// What the command asked to have echoed; null when nothing.
    public var echo: JSONFragment
    public var attempt: Int
    /// The worker process that ran the command.
    public var worker: String
    /// Microseconds since 1970.
    public var startedAt: Int64
    /// Microseconds since 1970.
    public var finishedAt: Int64
    /// Padding, absent unless asked for.
    public var pad: String?
}
