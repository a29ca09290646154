import Foundation

/// Where the program under test and its topic declarations lie.
enum Executable {
    /// `adjutant` beside the test bundle, or what `ADJUTANT_TEST_BINARY` names (a release build, say).
    static let path: String = {
        if let path = ProcessInfo.processInfo.environment["ADJUTANT_TEST_BINARY"] { return path }
        let bundle = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return bundle.deletingLastPathComponent().appendingPathComponent("adjutant").path
    }()

    static let packageRoot = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Declarations like those of `Topics/`, with `lab.retry.1s` in place of `lab.retry.5s`: tests wait less.
    static let quickTopics: String = {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "adjutant-topics-\(UUID().uuidString)")
        let source = Self.packageRoot.appendingPathComponent("Topics/lab.yaml")
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let text = try String(contentsOf: source, encoding: .utf8)
            try text.replacing("lab.retry.5s", with: "lab.retry.1s")
                .write(to: folder.appendingPathComponent("lab.yaml"), atomically: true, encoding: .utf8)
            atexit { try? FileManager.default.removeItem(atPath: Executable.quickTopics) }
        } catch {
            fatalError("the topic declarations of the tests cannot be written: \(error)")
        }
        return folder.path
    }()
}

/// What the tests depend on beyond this machine.
enum Conditions {
    /// Minutes of chaos, for a machine that has them.
    static let isSoak = ProcessInfo.processInfo.environment["ADJUTANT_TEST_SOAK"] == "1"
    /// A real cluster, for what the embedded broker cannot do.
    static let bootstrap = ProcessInfo.processInfo.environment["ADJUTANT_TEST_BOOTSTRAP"]

    static let soakHint: String = "a soak test of minutes: set ADJUTANT_TEST_SOAK=1 to run it"
    static let bootstrapHint: String = "needs a real broker: set ADJUTANT_TEST_BOOTSTRAP=host:port to run it"
}
