import Commands
import KafkaClient
import Logging
import Processor

/// Sends records that are kept elsewhere, by two idempotent producers: one for topics on trial, so that their failures
/// disturb nobody else.
package final class KafkaRecordSender: RecordSender {
    private let trusted: ReportingProducer
    private let trial: ReportingProducer

    /// - Throws: ``KafkaError`` when librdkafka does not take the configuration.
    package init(
        configuration: KafkaConfiguration, receiver: any RecordReceiver, logger: Logger
    ) throws(KafkaError) {
        var configuration = configuration.with(defaults: [
            // A topic that does not exist is waited for so long.
            "topic.metadata.propagation.max.ms": "5000"
        ])
        // A record that fails for good takes all behind it along, instead of being overtaken: the order depends on it.
        configuration["enable.idempotence"] = "true"
        configuration["enable.gapless.guarantee"] = "true"
        var trial = configuration
        configuration["message.timeout.ms"] = "0"
        // Of a topic on trial one record is on its way, and none behind it: so it may be given up. For some refusals
        // librdkafka waits without a word.
        if Int(trial["message.timeout.ms"] ?? "0") == 0 { trial["message.timeout.ms"] = "10000" }
        self.trusted = try ReportingProducer(
            configuration, thread: "adj-outbox", failsTogether: true, receiver: receiver, logger: logger)
        do {
            self.trial = try ReportingProducer(
                trial, thread: "adj-outbox-try", failsTogether: false, receiver: receiver, logger: logger)
        } catch {
            self.trusted.close()
            throw error
        }
    }

    package func send(
        _ record: borrowing OutgoingRecord, to topic: String, ticket: Int, isTrial: Bool
    ) -> RecordSendResult {
        (isTrial ? self.trial : self.trusted).send(record, to: topic, ticket: ticket)
    }

    package func startOver() {
        self.trusted.startOver()
        self.trial.startOver()
    }

    package func close() {
        self.trusted.close()
        self.trial.close()
    }
}
