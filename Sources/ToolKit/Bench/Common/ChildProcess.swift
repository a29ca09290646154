import Foundation
import Synchronization

/// A program started for a measurement, whose standard output is read.
///
/// `@unchecked Sendable`: one thread reads the lines; the rest is thread-safe or never changes.
final class ChildProcess: @unchecked Sendable {
    private let process = Process()
    private let output = Pipe()
    private var rest = Data()

    /// Those that run: an interrupted measurement takes them along.
    private static let running = Mutex<Set<Int32>>([])

    /// - Parameter environment: The only settings that it gets from variables.
    init(_ path: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        self.process.executableURL = URL(fileURLWithPath: path)
        self.process.arguments = arguments
        self.process.environment = Self.environment(environment, in: ProcessInfo.processInfo.environment)
        self.process.standardOutput = self.output
        _ = Self.interruption
        do {
            try self.process.run()
        } catch {
            throw ToolError(.error, "\(path) cannot be started: \(error.localizedDescription)")
        }
        let identifier = self.process.processIdentifier
        Self.running.withLock { _ = $0.insert(identifier) }
    }

    /// The variables of a child: this program's, but none that names a database, a broker or a file with such settings. A
    /// measurement must not work on what somebody has exported for their own workers.
    static func environment(_ own: [String: String], in inherited: [String: String]) -> [String: String] {
        inherited.filter { !$0.key.hasPrefix("ADJUTANT_") || Self.kept.contains($0.key) }.merging(own) { $1 }
    }

    /// Where the embedded broker finds the topics that it creates.
    private static let kept: Set = ["ADJUTANT_TOPICS_DIRECTORY"]

    /// The next line of output; nil when the program has ended.
    func line() -> String? {
        while true {
            if let end = self.rest.firstIndex(of: 10) {
                let line = String(decoding: self.rest[self.rest.startIndex..<end], as: UTF8.self)
                self.rest = self.rest[(end + 1)...]
                return line
            }
            let more = self.output.fileHandleForReading.availableData
            if more.isEmpty { return nil }
            self.rest.append(more)
        }
    }

    func stop() {
        if self.process.isRunning { self.process.terminate() }
        _ = self.wait()
    }

    /// Ends the program by any signal, without waiting.
    func send(_ signal: Int32) { kill(self.identifier, signal) }

    /// Waits for the end; the exit code.
    func wait() -> Int32 {
        self.process.waitUntilExit()
        let identifier = self.identifier
        Self.running.withLock { _ = $0.remove(identifier) }
        return self.process.terminationStatus
    }

    var identifier: Int32 { self.process.processIdentifier }

    /// Made once, with the first child: ends all children with this process.
    private static let interruption = Interruption { number in
        for child in ChildProcess.running.withLock({ $0 }) { kill(child, SIGKILL) }
        _exit(128 + number)
    }

    /// This program's own file.
    static var ownPath: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    }

    /// The raw loop in C, built beside this program.
    static func yardstickPath() throws -> String {
        let path = URL(fileURLWithPath: self.ownPath).deletingLastPathComponent()
            .appendingPathComponent("adjutant-yardstick").path
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw ToolError(
                .notFound, "the yardstick is not built: run `swift build -c release --product adjutant-yardstick`")
        }
        return path
    }
}

/// Acts on the signals that end a program.
///
/// `@unchecked Sendable`: the sources never change.
private final class Interruption: @unchecked Sendable {
    private let sources: [any DispatchSourceSignal]

    init(_ action: @escaping @Sendable (Int32) -> Void) {
        self.sources = [SIGINT, SIGTERM, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { action(number) }
            source.resume()
            return source
        }
    }
}
