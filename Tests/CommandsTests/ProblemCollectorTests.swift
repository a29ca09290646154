import Commands
import Testing

@Suite struct ProblemCollectorTests {
    @Test func problemsKeepTheirOrder() {
        var problems = ProblemCollector<PlaceOrder>()
        problems.require(true, at: \.orderId, "never")
        problems.require(false, at: \.orderId, "first", code: "one")
        problems.require(false, at: "items[0].quantity", "second")
        problems.add(at: "", "third")
        #expect(
            problems.problems == [
                Problem(path: "orderId", code: "one", message: "first"),
                Problem(path: "items[0].quantity", code: "invalid", message: "second"),
                Problem(path: "", code: "invalid", message: "third"),
            ])
    }

    @Test func pathsOfKeyPathsAreNames() {
        var problems = ProblemCollector<PlaceOrder>()
        problems.require(false, at: \.userId, "m")
        problems.require(false, at: \.items, "m")
        #expect(problems.problems.map(\.path) == ["userId", "items"])
    }

    /// Where decoding failed the values are placeholders: rules about them would complain of what nobody sent.
    @Test func whatDecodingRefusedIsNotJudgedAgain() {
        let found = [
            Problem(path: "items[1].quantity", code: "type", message: "m"),
            Problem(path: "user", code: "required", message: "m"),
        ]
        var problems = ProblemCollector<PlaceOrder>(decoding: found)
        for path in ["items[1].quantity", "items[1]", "items", "user", "user.name", "user[0]"] {
            #expect(!problems.isUsable(path), "\(path)")
            problems.add(at: path, "again")
        }
        #expect(problems.problems == found)
        for path in ["items[10].quantity", "items[0].quantity", "item", "users", "username"] {
            #expect(problems.isUsable(path), "\(path)")
        }
        let nothing = ProblemCollector<PlaceOrder>(decoding: [Problem(path: "", code: "type", message: "m")])
        #expect(!nothing.isUsable("anything"))
    }

    @Test func noMoreThanAThousandAreKept() {
        var problems = ProblemCollector<PlaceOrder>()
        for index in 0..<3000 { problems.add(at: "items[\(index)]", "m") }
        #expect(problems.problems.count == 1000)
        #expect(problems.problems.last?.path == "items[999]")
        let found = (0..<1000).map { Problem(path: "items[\($0)].quantity", code: "type", message: "m") }
        var full = ProblemCollector<PlaceOrder>(decoding: found)
        full.add(at: "orderId", "m")
        #expect(full.problems == found)
        #expect(full.isUsable("items[1000].quantity") && !full.isUsable("items[999].quantity.unit"))
    }

    @Test func elementsOfTheWholeDocument() {
        let problems = ProblemCollector<PlaceOrder>(decoding: [Problem(path: "[1].a", code: "type", message: "m")])
        for path in ["", "[1]", "[1].a", "[1].a.b"] { #expect(!problems.isUsable(path), "\(path)") }
        for path in ["[0]", "[1].b", "[10].a"] { #expect(problems.isUsable(path), "\(path)") }
    }
}
