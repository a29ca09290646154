import Foundation
import Synchronization

/// What went wrong with the test's surroundings, with what the process said last.
struct HarnessError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

/// One run of `adjutant`, in a process of its own.
///
/// `@unchecked Sendable`: `Process` is configured before the start and not touched afterwards.
final class Program: @unchecked Sendable {
    let output: LineLog
    let errors: LineLog
    let pid: pid_t
    private let arguments: [String]
    private let process = Process()
    private let exit = Exit()

    init(_ arguments: [String], environment: [String: String] = [:]) throws {
        self.arguments = arguments
        self.process.executableURL = URL(fileURLWithPath: Executable.path)
        self.process.arguments = arguments
        self.process.currentDirectoryURL = Executable.packageRoot
        var inherited = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("ADJUTANT_") }
        inherited["SWIFT_BACKTRACE"] = "enable=no"
        self.process.environment = inherited.merging(environment) { $1 }
        self.process.standardInput = FileHandle.nullDevice
        let (output, errors) = (Pipe(), Pipe())
        self.process.standardOutput = output
        self.process.standardError = errors
        self.output = LineLog(output.fileHandleForReading)
        self.errors = LineLog(errors.fileHandleForReading)
        let exit = self.exit
        self.process.terminationHandler = { process in
            exit.note((process.terminationReason == .exit ? 0 : 128) + process.terminationStatus)
            Leftovers.remove(process.processIdentifier)
        }
        do {
            try self.process.run()
        } catch {
            throw HarnessError("cannot run \(Executable.path): \(error)")
        }
        self.pid = self.process.processIdentifier
        Leftovers.add(self.pid)
        if self.exit.code != nil { Leftovers.remove(self.pid) }
    }

    /// Nothing once it has ended: its number may be another process's by then.
    func signal(_ number: Int32) { if self.exit.code == nil { kill(self.pid, number) } }

    /// Waits for the end: the exit code, or 128 and the signal that ended the process.
    func waitForExit(seconds: Double) throws -> Int32 {
        guard let code = self.exit.wait(seconds: seconds) else {
            throw HarnessError("still running after \(seconds) s: \(self.tail)")
        }
        self.output.waitForEnd(seconds: 5)
        self.errors.waitForEnd(seconds: 5)
        if let folder = ProcessInfo.processInfo.environment["ADJUTANT_TEST_LOGS"] {
            let text = ([self.tail] + self.errors.all).joined(separator: "\n")
            try? text.write(toFile: "\(folder)/\(self.pid).log", atomically: false, encoding: .utf8)
        }
        return code
    }

    /// Ends the process at once and waits until it is gone.
    func killNow() {
        self.signal(SIGKILL)
        _ = try? self.waitForExit(seconds: 10)
    }

    func waitForOutput(_ text: String, seconds: Double = 180) throws -> String {
        guard let line = self.output.wait(for: text, seconds: seconds) else {
            // What ended without a word here said why there.
            self.errors.waitForEnd(seconds: 1)
            throw HarnessError("no line “\(text)” within \(seconds) s: \(self.tail)")
        }
        return line
    }

    func waitForError(_ text: String, seconds: Double = 180) throws {
        guard self.errors.wait(for: text, seconds: seconds) != nil else {
            throw HarnessError("nothing said of “\(text)” within \(seconds) s: \(self.tail)")
        }
    }

    /// The call and its last words, for messages.
    var tail: String {
        "adjutant \(self.arguments.joined(separator: " "))\n" + self.errors.all.suffix(20).joined(separator: "\n")
    }
}

/// The end of a process, once it is known.
///
/// `@unchecked Sendable`: the code is guarded by the condition's lock.
private final class Exit: @unchecked Sendable {
    private let condition = NSCondition()
    private var value: Int32?

    var code: Int32? { self.condition.withLock { self.value } }

    func note(_ code: Int32) {
        self.condition.withLock {
            self.value = code
            self.condition.broadcast()
        }
    }

    func wait(seconds: Double) -> Int32? {
        let limit = Date(timeIntervalSinceNow: seconds)
        return self.condition.withLock {
            while self.value == nil, self.condition.wait(until: limit) {}
            return self.value
        }
    }
}

/// Processes that still run when the tests end, however they end.
private enum Leftovers {
    private static let pids = Mutex<Set<pid_t>>([])
    private static let installed: Void = {
        atexit { Leftovers.pids.withLock { for pid in $0 { kill(pid, SIGKILL) } } }
    }()

    static func add(_ pid: pid_t) {
        _ = Self.installed
        _ = Self.pids.withLock { $0.insert(pid) }
    }

    static func remove(_ pid: pid_t) {
        _ = Self.pids.withLock { $0.remove(pid) }
    }
}

/// Runs blocking code on a thread of its own: two blocked tasks would stop all others on a machine with two cores.
func blocking<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        let thread = Thread { continuation.resume(with: Swift.Result { try body() }) }
        thread.stackSize = 8 << 20
        thread.start()
    }
}
