import Foundation
import KafkaClient
import Testing

extension IntegrationTests {
    @Suite(.serialized) struct RetentionTests {
        @Test("Records that were never handled are gone: the worker says so and ends, it does not skip them")
        func overrun() async throws {
            try await Lab.withFaults { lab, _ in
                try lab.sender.send(CommandMessage(id: "early", key: "k"), partition: 0)
                // The embedded broker keeps 5 MiB of a partition.
                let filler = #"{"echo":"\#(String(repeating: "x", count: 200_000))"}"#
                for index in 0..<40 {
                    try lab.sender.send(CommandMessage(id: "filler-\(index)", key: "k", data: filler), partition: 0)
                    try lab.sender.flush()
                }
                let consumer = try KafkaConsumer(
                    configuration: KafkaConfiguration([
                        "bootstrap.servers": lab.bootstrap, "group.id": "adjutant.lab",
                    ]), logger: .silent)
                try consumer.commitAndWait([KafkaPartition(topic: "lab.commands", partition: 0, offset: 1)])
                consumer.close()

                let worker = try lab.startWorker()
                #expect(try worker.waitForExit(seconds: 90) == 1)
                let lines = worker.errors.all.filter { $0.hasPrefix("adjutant: ") }
                #expect(lines.count == 1)
                #expect(lines.first?.contains("never handled are gone") == true)
                #expect(lines.first?.contains("lab.commands") == true)
                #expect(try lab.journal.catchUp().outcomes.isEmpty)
            }
        }
    }
}
