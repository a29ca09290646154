import Foundation
import JSONCoding
import Synchronization

/// One run of `dlt`, in a process of its own, with its time and its memory.
struct DltRun {
    let seconds: Double
    let peakBytes: Int
    let lines: [String]

    init(_ cluster: BenchCluster, _ arguments: [String]) throws {
        let start = BenchClock.now()
        let child = try ChildProcess(
            ChildProcess.ownPath,
            ["dlt"] + arguments + ["-b", cluster.servers, "--domain", "lab"] + cluster.properties)
        let memory = MemoryWatch(child.identifier)
        var lines: [String] = []
        while let line = child.line() { lines.append(line) }
        let code = child.wait()
        self.seconds = (Double(BenchClock.now() - start) / 1_000_000).rounded(digits: 3)
        self.peakBytes = memory.stop()
        self.lines = lines
        guard code == 0 else {
            throw ToolError(.error, "`dlt \(arguments.joined(separator: " "))` ended with \(code)")
        }
    }

    /// A count of the job that a replay prints.
    func number(_ name: String) -> Int {
        guard let line = self.lines.last, let root = try? JSONDocument(parsing: line).root else { return 0 }
        return Int(root["counts"]?[name]?.int64Value ?? 0)
    }

    /// Letters a second, by the job's own times.
    var rate: Double {
        guard let line = self.lines.last, let root = try? JSONDocument(parsing: line).root,
            let start = root["createdAt"]?.stringValue.flatMap({ RFC3339.parse($0) }),
            let end = root["updatedAt"]?.stringValue.flatMap({ RFC3339.parse($0) }), end > start
        else { return 0 }
        return Double(self.number("sent")) * 1_000_000 / Double(end - start)
    }
}

/// Looks at a process's peak until it is gone.
private final class MemoryWatch: Sendable {
    private let peak = Atomic<Int>(0)
    private let isStopping = Atomic<Bool>(false)
    private let ended = DispatchSemaphore(value: 0)

    init(_ process: Int32) {
        let thread = Thread {
            while !self.isStopping.load(ordering: .relaxed) {
                let now = ProcessMemory.peak(of: process)
                if now > 0 { self.peak.store(now, ordering: .relaxed) }
                usleep(5000)
            }
            self.ended.signal()
        }
        thread.name = "bench-memory"
        thread.start()
    }

    func stop() -> Int {
        self.isStopping.store(true, ordering: .relaxed)
        self.ended.wait()
        return self.peak.load(ordering: .relaxed)
    }
}
