import Foundation

/// Finds the directory with the declarations at run time.
public enum TopicDirectory {
    /// No directory holds any declarations.
    public struct NotFound: Error, Sendable, Hashable, CustomStringConvertible {
        /// The places looked at, in order.
        public var searched: [String]

        public var description: String {
            "no topic declarations (.yaml files) found; searched \(self.searched.joined(separator: ", ")). "
                + "Run from the checkout or name the directory or file"
        }
    }

    /// The path to load declarations from: the explicit one if given; else the first place with a `.yaml` file of
    /// `Topics/` in the current directory, `Topics/` beside or above the executable, and `../share/adjutant/Topics` as
    /// seen from the executable's directory.
    ///
    /// - Parameters:
    ///   - explicit: A directory or a file, believed when it exists.
    ///   - currentDirectory: Where the search starts; the process's own if nil.
    ///   - executable: The running program's file; found out if nil.
    public static func locate(
        explicit: String? = nil, currentDirectory: String? = nil, executable: String? = nil
    ) throws(NotFound) -> String {
        if let explicit {
            guard FileManager.default.fileExists(atPath: explicit) else { throw NotFound(searched: [explicit]) }
            return explicit
        }
        let current = currentDirectory ?? FileManager.default.currentDirectoryPath
        var places = ["\(current)/Topics"]
        if let executable = executable ?? self.runningExecutable() {
            let directory = self.parent(of: executable)
            var upper = directory
            while !upper.isEmpty {
                places.append("\(upper)/Topics")
                upper = self.parent(of: upper)
            }
            places.append("/Topics")
            places.append("\(self.parent(of: directory))/share/adjutant/Topics")
        }
        var searched: [String] = []
        for place in places where !searched.contains(place) {
            searched.append(place)
            let names = (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []
            if names.contains(where: TopicDeclarations.isDeclaration) { return place }
        }
        throw NotFound(searched: searched)
    }

    /// The path without its last component; empty for `/` and for names.
    private static func parent(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }

    private static func runningExecutable() -> String? {
        if let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") { return path }
        return Bundle.main.executablePath
    }
}

extension TopicDeclarations {
    /// Reads the declarations at a path: a directory with one file per domain, or a single file.
    public static func load(at path: String) throws(TopicDeclarationError) -> TopicDeclarations {
        var isDirectory: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
        if exists, !isDirectory.boolValue { return try self.load(file: path) }
        return try self.load(directory: path)
    }
}
