import Foundation

/// Where the programs of a PostgreSQL server are installed.
package struct PostgresPrograms: Sendable {
    package let directory: URL
    /// Whom to become, because a server refuses to run as root; nil when this process is not root.
    package let user: String?

    /// The newest server found: on the PATH, or where distributions put what is not meant to be run by hand. Nil when
    /// there is none.
    package static func find() -> PostgresPrograms? {
        let needed = ["initdb", "postgres"]
        let path = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        let candidates = path + Self.versioned("/usr/lib/postgresql", "bin") + Self.versioned("/usr", "bin", "pgsql-")
        let files = FileManager.default
        guard
            let directory = candidates.first(where: { directory in
                needed.allSatisfy { files.isExecutableFile(atPath: directory + "/" + $0) }
            })
        else { return nil }
        guard geteuid() == 0 else { return PostgresPrograms(directory: URL(fileURLWithPath: directory), user: nil) }
        guard let user = ["postgres", "nobody"].first(where: { (name: String) in getpwnam(name) != nil }),
            path.contains(where: { files.isExecutableFile(atPath: $0 + "/setpriv") })
        else { return nil }
        return PostgresPrograms(directory: URL(fileURLWithPath: directory), user: user)
    }

    private static func versioned(_ root: String, _ leaf: String, _ prefix: String = "") -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let versions = names.compactMap { name in
            name.hasPrefix(prefix) ? Int(name.dropFirst(prefix.count)).map { ($0, name) } : nil
        }
        return versions.sorted { $0.0 > $1.0 }.map { "\(root)/\($0.1)/\(leaf)" }
    }

    /// A process that runs one of the programs, not yet started.
    func process(_ name: String, _ arguments: [String]) -> Process {
        let process = Process()
        let program = self.directory.appendingPathComponent(name).path
        if let user {
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            let group = String(getpwnam(user).pointee.pw_gid)
            process.arguments =
                ["setpriv", "--reuid", user, "--regid", group, "--clear-groups", program] + arguments
        } else {
            process.executableURL = URL(fileURLWithPath: program)
            process.arguments = arguments
        }
        var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("PG") }
        environment["LC_ALL"] = "C"
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        return process
    }
}
