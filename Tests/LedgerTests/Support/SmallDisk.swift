import Foundation
import PostgresServer

/// A file system of a few megabytes, which is soon full.
final class SmallDisk {
    let directory: URL

    /// Only root may mount one, and not in every container.
    static let isPossible: Bool = {
        guard geteuid() == 0, let disk = try? SmallDisk(megabytes: 1) else { return false }
        disk.remove()
        return true
    }()
    static let hint = "skipped: no small file system can be mounted here (it takes root)"

    /// - Parameter owner: Of its root directory.
    init(megabytes: Int, owner: String? = nil) throws {
        self.directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("adjutant-disk-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: self.directory, withIntermediateDirectories: false)
        let code = mount("tmpfs", self.directory.path, "tmpfs", 0, "size=\(megabytes)m,mode=0700")
        guard code == 0 else {
            let reason = errno
            try? FileManager.default.removeItem(at: self.directory)
            throw POSIXError(POSIXErrorCode(rawValue: reason) ?? .EPERM)
        }
        if let owner, let entry = getpwnam(owner) {
            chown(self.directory.path, entry.pointee.pw_uid, entry.pointee.pw_gid)
        }
    }

    func remove() {
        // Whoever still has a file open there keeps it, and nobody else sees it.
        umount2(self.directory.path, Int32(MNT_DETACH))
        try? FileManager.default.removeItem(at: self.directory)
    }
}
