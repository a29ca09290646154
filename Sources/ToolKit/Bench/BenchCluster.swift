import Commands
import Foundation
import KafkaClient
import Logging

/// The broker of a measurement: the one named on the command line, or an embedded one in a process of its own.
struct BenchCluster {
    let servers: String
    private let child: ChildProcess?

    /// What a client needs to be quick on the embedded broker, which holds an idle fetch for the whole wait.
    let properties: [String]

    init(servers: String?, partitions: Int) throws {
        if let servers {
            self.servers = servers
            self.child = nil
            self.properties = []
            return
        }
        let child = try ChildProcess(ChildProcess.ownPath, ["broker", "--partitions", "\(partitions)"])
        guard let line = child.line() else { throw ToolError(.error, "the embedded broker did not start") }
        self.child = child
        self.servers = line
        self.properties = ["-X", "fetch.wait.max.ms=10"]
    }

    func stop() { self.child?.stop() }

    /// Resident bytes of a process, from /proc.
    static func residentBytes(of process: Int32) -> Int {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8) else { return 0 }
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        let kilobytes = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
        return (kilobytes ?? 0) * 1024
    }

    /// Sends `lab.run` commands: 230 bytes of JSON, binary mode, over so many keys.
    func load(count: Int, keys: Int, data: ((Int) -> String)? = nil, logger: Logger) throws {
        var configuration = KafkaConfiguration()
        configuration["bootstrap.servers"] = self.servers
        configuration["linger.ms"] = "50"
        configuration["queue.buffering.max.messages"] = "100000"
        let producer: KafkaProducer
        do {
            producer = try KafkaProducer(configuration: configuration, logger: logger)
        } catch {
            throw ToolError(error, servers: self.servers)
        }
        defer { producer.close() }
        var failure: KafkaError.Code?
        var draft = OutgoingRecord()
        let padding = String(repeating: "abcdefghij", count: 30)
        for index in 0..<count {
            draft.reset()
            draft.setKey("key-\(index * 7919 % keys)".utf8)
            draft.addHeader("ce_specversion", "1.0")
            draft.addHeader("ce_id", Identifier.commandID(at: Int64(Date().timeIntervalSince1970 * 1_000_000)))
            draft.addHeader("ce_source", "adjutant/bench")
            draft.addHeader("ce_type", "lab.run")
            draft.addHeader("content-type", "application/json")
            if let data {
                draft.setValue(data(index).utf8)
            } else {
                let start =
                    #"{"echo":{"seq":\#(10_000_000 + index),"user":"user-\#(index % keys)","amount":"129.95","note":""#
                draft.setValue((start + padding.prefix(max(0, 227 - start.utf8.count)) + "\"}}").utf8)
            }
            while true {
                do {
                    try producer.send(draft, to: "lab.commands", partition: -1, opaque: nil)
                    break
                } catch  where error.code == .queueFull {
                    producer.serve(milliseconds: 10, failed: { _ in }, { if let code = $0.error { failure = code } })
                } catch {
                    throw ToolError(error, servers: self.servers)
                }
            }
            if index & 255 == 0 {
                producer.serve(milliseconds: 0, failed: { _ in }, { if let code = $0.error { failure = code } })
            }
        }
        let limit = Date(timeIntervalSinceNow: 60)
        while producer.outstanding > 0, Date() < limit {
            producer.serve(milliseconds: 100, failed: { _ in }, { if let code = $0.error { failure = code } })
        }
        if let failure { throw ToolError(.error, "commands could not be sent: \(failure.text)") }
        if producer.outstanding > 0 { throw ToolError(.unreachable, "commands could not be sent within 60 s") }
    }
}
