import Foundation

/// Ends a server and deletes its directory when this process ends without having done so.
///
/// It waits at the other end of a pipe, which the system closes however a process ends.
///
/// `@unchecked Sendable`: the handle is written to once, by `dismiss`.
final class Watchdog: @unchecked Sendable {
    private let pipe = Pipe()
    private let process = Process()

    init(pid: Int32, directory: URL) throws {
        self.process.executableURL = URL(fileURLWithPath: "/bin/sh")
        let script = """
            trap '' INT TERM HUP QUIT
            read -r line && exit 0
            kill -QUIT "$1" 2>/dev/null
            rm -rf -- "$2"
            """
        self.process.arguments = ["-c", script, "adjutant-postgres-watchdog", "\(pid)", directory.path]
        self.process.standardInput = self.pipe
        self.process.standardOutput = FileHandle.nullDevice
        self.process.standardError = FileHandle.nullDevice
        try self.process.run()
    }

    /// The server has ended.
    func dismiss() {
        try? self.pipe.fileHandleForWriting.write(contentsOf: Data("done\n".utf8))
        try? self.pipe.fileHandleForWriting.close()
    }
}
