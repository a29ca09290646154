import Commands
import Foundation
import Testing
import TopicDeclarations

@Suite("Where the declarations lie")
final class DirectoryTests {
    let root: String

    init() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "topics-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        self.root = directory.path()
    }

    deinit { try? FileManager.default.removeItem(atPath: self.root) }

    private func write(_ path: String, _ text: String = ShopFile.text) throws {
        let url = URL(filePath: "\(self.root)/\(path)")
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    private func locate(from current: String = "else") throws -> String {
        try TopicDirectory.locate(
            currentDirectory: "\(self.root)/\(current)", executable: "\(self.root)/a/.build/release/adjutant")
    }

    @Test("The current directory comes first, then the way up from the executable, then share")
    func order() throws {
        try self.write("a/.build/share/adjutant/Topics/shop.yaml")
        #expect(try self.locate() == "\(self.root)/a/.build/share/adjutant/Topics")
        try self.write("a/Topics/shop.yaml")
        #expect(try self.locate() == "\(self.root)/a/Topics")
        try self.write("here/Topics/shop.yml")
        #expect(try self.locate(from: "here") == "\(self.root)/here/Topics")
        try self.write("there/Topics/README.md")
        #expect(try self.locate(from: "there") == "\(self.root)/a/Topics")
    }

    @Test("Without declarations the error names the places")
    func notFound() throws {
        let error = #expect(throws: TopicDirectory.NotFound.self) { try self.locate() }
        let text = try #require(error?.description)
        for place in ["else/Topics", "a/.build/release/Topics", "a/Topics", "a/.build/share/adjutant/Topics"] {
            #expect(text.contains("\(self.root)/\(place)"))
        }
        let explicit = #expect(throws: TopicDirectory.NotFound.self) {
            try TopicDirectory.locate(explicit: "\(self.root)/nowhere")
        }
        #expect(explicit?.searched == ["\(self.root)/nowhere"])
    }

    @Test("A directory is read file by file, with the mistakes of all of them")
    func load() throws {
        try self.write("one/a.yaml")
        try self.write("one/b.yml", ShopFile.text("shop", "store"))
        try self.write("one/notes.txt", "no declaration")
        let declarations = try TopicDeclarations.load(at: "\(self.root)/one")
        #expect(declarations.domains.map(\.domain) == ["shop", "store"])
        #expect(declarations.topics.count == 14)
        #expect(try TopicDeclarations.load(at: "\(self.root)/one/b.yml").domain("store") != nil)

        try self.write("one/c.yaml")
        try self.write("one/d.yaml", "domain: [")
        let error = #expect(throws: TopicDeclarationError.self) {
            try TopicDeclarations.load(directory: "\(self.root)/one")
        }
        #expect(error?.issues.map { $0.file.split(separator: "/").last } == ["c.yaml", "d.yaml"])
        #expect(error?.issues.first?.message.contains("one/a.yaml too") == true)
    }

    @Test("What cannot be read says so in one line", arguments: ["none", "empty", "bytes/x.yaml"])
    func unreadable(path: String) throws {
        try self.write("empty/notes.txt", "nothing here")
        try self.write("bytes/x.yaml")
        try Data([0x64, 0xff, 0x3a]).write(to: URL(filePath: "\(self.root)/bytes/x.yaml"))
        let error = #expect(throws: TopicDeclarationError.self) {
            try TopicDeclarations.load(at: "\(self.root)/\(path)")
        }
        #expect(error?.issues.count == 1)
        #expect(error?.description.hasPrefix("\(self.root)/\(path): ") == true)
    }
}
