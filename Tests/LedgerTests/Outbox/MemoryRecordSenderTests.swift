import PortConformance
import Processor
import Testing

@Suite("Memory record sender") struct MemoryRecordSenderTests {
    @Test(arguments: RecordSenderConformance.allCases) func conforms(check: RecordSenderConformance) throws {
        let store = MemoryStore()
        try check.run(
            on: RecordSenderStage(
                topic: "out", open: { MemoryRecordSender(receiver: $0, store: store) },
                read: { _ in [store.records(of: "out")] }, close: {}))
    }
}
