import Foundation
import Synchronization

/// A PostgreSQL server of one's own: in a temporary directory, on 127.0.0.1 and a Unix socket, with a password that
/// nobody else knows.
///
/// It ends with ``remove()``, and when this process ends in whatever way.
package final class PostgresServer: Sendable {
    /// How a server is stopped.
    package enum StopMode: Sendable {
        /// Disconnects everybody and writes everything out.
        case fast
        /// As a crash would: the next start recovers.
        case immediate

        var signal: Int32 { self == .fast ? SIGINT : SIGQUIT }
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private struct Running {
        let pid: Int32
        let watchdog: Watchdog
        let ended: Ended
    }

    package let programs: PostgresPrograms
    /// Everything that the server writes; its log is `log` in it.
    package let directory: URL
    /// Fixed once the server has started for the first time.
    private let place = Mutex(0)
    private let password: String
    private let settings: [(String, String)]
    private let running = Mutex<Running?>(nil)

    private init(programs: PostgresPrograms, directory: URL, settings: [(String, String)]) {
        self.programs = programs
        self.directory = directory
        self.settings = settings
        self.password = UUID().uuidString
    }

    /// Makes a database cluster and starts its server.
    ///
    /// - Parameter settings: Of `postgresql.conf`, beyond PostgreSQL's defaults.
    package static func start(
        _ programs: PostgresPrograms, settings: [String: String] = [:]
    ) async throws -> PostgresServer {
        let directory = URL(fileURLWithPath: NSTemporaryDirectory())
            .appendingPathComponent("adjutant-postgres-\(UUID().uuidString.prefix(8))")
        let server = PostgresServer(
            programs: programs, directory: directory, settings: settings.sorted { $0.key < $1.key })
        do {
            try await server.initialize()
            try await server.startSomewhere()
        } catch {
            await server.remove()
            throw error
        }
        return server
    }

    /// On a port that nobody listens on: somebody else may take it before the server does.
    private func startSomewhere() async throws {
        for attempt in 1...5 {
            let port = try FreePort.find()
            self.place.withLock { $0 = port }
            do {
                return try await self.start()
            } catch let failure as Failure where attempt < 5 && failure.description.contains("already in use") {
                continue
            }
        }
    }

    package var port: Int { self.place.withLock { $0 } }

    /// The superuser's, over TCP.
    package var url: String { self.url() }

    package func url(user: String = "adjutant", password: String? = nil, database: String = "postgres") -> String {
        "postgres://\(user):\(password ?? self.password)@127.0.0.1:\(self.port)/\(database)?sslmode=disable"
    }

    /// The server's process, while it runs.
    package var pid: Int32? { self.running.withLock { $0?.pid } }

    private var data: String { self.directory.appendingPathComponent("data").path }

    private func initialize() async throws {
        try FileManager.default.createDirectory(
            at: self.directory, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        let secret = self.directory.appendingPathComponent("password")
        try Data(self.password.utf8).write(to: secret)
        if let user = self.programs.user, let entry = getpwnam(user) {
            for path in [self.directory.path, secret.path] { chown(path, entry.pointee.pw_uid, entry.pointee.pw_gid) }
        }
        let process = self.programs.process(
            "initdb",
            [
                "-D", self.data, "-U", "adjutant", "--pwfile", secret.path, "--auth-local=trust",
                "--auth-host=scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync",
            ])
        process.currentDirectoryURL = self.directory
        let log = try self.openLog()
        process.standardOutput = log
        process.standardError = log
        let ended = Ended()
        process.terminationHandler = { ended.signal($0.terminationStatus) }
        try process.run()
        let watchdog = try Watchdog(pid: process.processIdentifier, directory: self.directory)
        let status = await ended.wait()
        watchdog.dismiss()
        try FileManager.default.removeItem(at: secret)
        guard status == 0 else { throw Failure(description: "initdb failed: \(self.logTail)") }
    }

    private func openLog() throws -> FileHandle {
        let log = self.directory.appendingPathComponent("log")
        if !FileManager.default.fileExists(atPath: log.path) {
            _ = FileManager.default.createFile(atPath: log.path, contents: nil, attributes: [.posixPermissions: 0o600])
        }
        let handle = try FileHandle(forWritingTo: log)
        try handle.seekToEnd()
        return handle
    }

    private var logTail: String {
        let text = (try? String(contentsOf: self.directory.appendingPathComponent("log"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(5).joined(separator: " | ")
    }

    /// Starts it again on the same data and port, and returns when it takes connections.
    package func start() async throws {
        guard self.pid == nil else { return }
        var arguments = ["-D", self.data, "-p", "\(self.port)", "-k", self.directory.path]
        for (name, value) in [("listen_addresses", "127.0.0.1")] + self.settings {
            arguments += ["-c", "\(name)=\(value)"]
        }
        let process = self.programs.process("postgres", arguments)
        process.currentDirectoryURL = self.directory
        let log = try self.openLog()
        process.standardOutput = log
        process.standardError = log
        let ended = Ended()
        process.terminationHandler = { ended.signal($0.terminationStatus) }
        try process.run()
        let pid = process.processIdentifier
        let watchdog = try Watchdog(pid: pid, directory: self.directory)
        self.running.withLock { $0 = Running(pid: pid, watchdog: watchdog, ended: ended) }
        let limit = ContinuousClock.now + .seconds(60)
        while !self.isReady {
            guard ended.status == nil, ContinuousClock.now < limit else {
                let tail = self.logTail
                try await self.stop(.immediate)
                throw Failure(description: "the database server did not start: \(tail)")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// The eighth line of its lock file tells.
    private var isReady: Bool {
        guard let text = try? String(contentsOfFile: self.data + "/postmaster.pid", encoding: .utf8) else {
            return false
        }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.count > 7 && Int32(lines[0]) == self.pid && lines[7].hasPrefix("ready")
    }

    /// Stops it and returns when its process has ended.
    package func stop(_ mode: StopMode = .fast) async throws {
        let running = self.running.withLock { running in
            defer { running = nil }
            return running
        }
        guard let running else { return }
        // A frozen server would not see the signal.
        kill(running.pid, SIGCONT)
        kill(running.pid, mode.signal)
        _ = await running.ended.wait()
        running.watchdog.dismiss()
    }

    /// Sends a signal to the server's own process or to one of its backends.
    package func signal(_ signal: Int32, backend: Int32? = nil) {
        guard let pid = backend ?? self.pid else { return }
        kill(pid, signal)
    }

    /// Stops it and deletes all that it wrote.
    package func remove() async {
        try? await self.stop(.immediate)
        try? FileManager.default.removeItem(at: self.directory)
    }
}
