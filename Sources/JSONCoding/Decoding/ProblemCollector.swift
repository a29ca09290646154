/// What is remembered while the problems of a document are collected.
struct ProblemCollector {
    /// Thrown to give up on a value whose problem is already recorded.
    struct GiveUp: Error {}

    /// The answers of an absent value, from which placeholders are made.
    struct Seed {
        var text = ""
        var number = 0
        var bool = false

        /// Answers which satisfy many validating types, tried in turn.
        static let candidates: [Seed] = [
            Seed(), Seed(text: "a", number: 1, bool: true), Seed(text: "0", number: 1),
            Seed(text: "AAA", number: 100), Seed(text: "00000000-0000-0000-0000-000000000000"),
            Seed(text: "1970-01-01T00:00:00Z"), Seed(text: "https://a.invalid/"), Seed(text: "a@a.invalid"),
        ]
    }

    private struct Step {
        var container: Int
        var child: Int
        var ordinal: Int
    }

    var problems: [JSONProblem] = []
    private var known: Set<String> = []
    /// The names under which values were asked for.
    var names: [Int: String] = [:]
    var seed = Seed()
    /// The nesting of placeholders being made.
    var depth = 0
    /// The steps of the last path, so that paths in document order cost little.
    private var steps: [Step] = []

    /// Adds a problem unless its path has one.
    mutating func add(_ problem: JSONProblem) {
        if known.insert(problem.path).inserted {
            problems.append(problem)
        }
    }

    /// Whether a path has a problem.
    func knows(_ path: String) -> Bool {
        known.contains(path)
    }

    /// A child of a container at or before a value, and its position.
    func resumePoint(level: Int, container: Int, before node: Int) -> (child: Int, ordinal: Int) {
        if level < steps.count, steps[level].container == container, steps[level].child <= node {
            return (steps[level].child, steps[level].ordinal)
        }
        return (container + 1, 0)
    }

    /// Keeps the step from a container to a child.
    mutating func remember(level: Int, container: Int, child: Int, ordinal: Int) {
        steps.removeSubrange(min(level, steps.count)...)
        steps.append(Step(container: container, child: child, ordinal: ordinal))
    }
}
