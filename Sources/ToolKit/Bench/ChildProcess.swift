import Foundation

/// A program started for a measurement, whose standard output is read.
final class ChildProcess {
    private let process = Process()
    private let output = Pipe()
    private var rest = Data()

    init(_ path: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        self.process.executableURL = URL(fileURLWithPath: path)
        self.process.arguments = arguments
        self.process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        self.process.standardOutput = self.output
        do {
            try self.process.run()
        } catch {
            throw ToolError(.error, "\(path) cannot be started: \(error.localizedDescription)")
        }
    }

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
        self.process.waitUntilExit()
    }

    /// Waits for the end; the exit code.
    func wait() -> Int32 {
        self.process.waitUntilExit()
        return self.process.terminationStatus
    }

    var identifier: Int32 { self.process.processIdentifier }

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
