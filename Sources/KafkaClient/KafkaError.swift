import CRDKafka

/// An error of the Kafka client, with librdkafka's own code kept.
package struct KafkaError: Error, Sendable, CustomStringConvertible {
    /// librdkafka's error code; negative ones are the client's own, others the broker's.
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: Int32

        package init(rawValue: Int32) { self.rawValue = rawValue }

        init(_ code: rd_kafka_resp_err_t) { self.rawValue = code.rawValue }

        /// librdkafka's symbolic name, for example `_TRANSPORT`.
        package var name: String { String(cString: rd_kafka_err2name(rd_kafka_resp_err_t(rawValue: self.rawValue))) }
        /// librdkafka's description.
        package var text: String { String(cString: rd_kafka_err2str(rd_kafka_resp_err_t(rawValue: self.rawValue))) }
        /// A broker's answer, not the client's own.
        package var isOfBroker: Bool { self.rawValue > 0 }
        /// A broker does not know the topic, or one of its partitions: maybe for a moment only, as brokers restart.
        package var saysTopicIsMissing: Bool {
            switch self {
            case .unknownTopic, .unknownTopicOrPartition, .unknownPartition, .leaderNotAvailable: true
            default: false
            }
        }

        package static let transport = Code(RD_KAFKA_RESP_ERR__TRANSPORT)
        package static let allBrokersDown = Code(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        package static let authentication = Code(RD_KAFKA_RESP_ERR__AUTHENTICATION)
        package static let autoOffsetReset = Code(RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
        package static let unknownTopic = Code(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
        package static let unknownTopicOrPartition = Code(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        package static let unknownPartition = Code(RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
        package static let leaderNotAvailable = Code(RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
        package static let topicAuthorizationFailed = Code(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        package static let groupAuthorizationFailed = Code(RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        package static let messageTooLarge = Code(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        package static let queueFull = Code(RD_KAFKA_RESP_ERR__QUEUE_FULL)
        package static let fatal = Code(RD_KAFKA_RESP_ERR__FATAL)
        package static let fencedInstance = Code(RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID)
        package static let maxPollExceeded = Code(RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED)
        package static let purgedFromQueue = Code(RD_KAFKA_RESP_ERR__PURGE_QUEUE)
        package static let purgedInFlight = Code(RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
        package static let timedOut = Code(RD_KAFKA_RESP_ERR__TIMED_OUT)
        package static let messageTimedOut = Code(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT)
        package static let invalidArgument = Code(RD_KAFKA_RESP_ERR__INVALID_ARG)
        package static let noOffset = Code(RD_KAFKA_RESP_ERR__NO_OFFSET)
        package static let resolve = Code(RD_KAFKA_RESP_ERR__RESOLVE)
        package static let unsupportedFeature = Code(RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE)
        package static let clusterAuthorizationFailed = Code(RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
        package static let ssl = Code(RD_KAFKA_RESP_ERR__SSL)
        package static let topicExists = Code(RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        package static let saslFailed = Code(RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED)
        package static let invalidMessageSize = Code(RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE)
        package static let invalidTopic = Code(RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION)
        package static let invalidTimestamp = Code(RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP)
        package static let unsupportedMessageFormat = Code(RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT)
        package static let policyViolation = Code(RD_KAFKA_RESP_ERR_POLICY_VIOLATION)
        package static let invalidRecord = Code(RD_KAFKA_RESP_ERR_INVALID_RECORD)
    }

    package var code: Code
    /// What was being done, and what went wrong.
    package var message: String
    /// The handle is of no more use.
    package var isFatal: Bool
    /// Trying again may help.
    package var isRetriable: Bool

    package init(code: Code, message: String, isFatal: Bool = false, isRetriable: Bool = false) {
        self.code = code
        self.message = message
        self.isFatal = isFatal
        self.isRetriable = isRetriable
    }

    /// A record is not taken now: there is no room, or the producer has failed for good and another one will take over.
    package var isForNow: Bool { self.code == .queueFull || self.code == .fatal || self.isFatal }

    package var description: String { "\(self.message) (\(self.code.name))" }

    init(_ code: rd_kafka_resp_err_t, doing action: String, detail: String? = nil) {
        let code = Code(code)
        self.init(code: code, message: "\(action): \(detail ?? code.text)")
    }

    /// Takes what the C error knows, and frees it.
    init(consuming error: OpaquePointer, doing action: String) {
        let code = Code(rd_kafka_error_code(error))
        self.init(
            code: code, message: "\(action): \(String(cString: rd_kafka_error_string(error)))",
            isFatal: rd_kafka_error_is_fatal(error) != 0, isRetriable: rd_kafka_error_is_retriable(error) != 0)
        rd_kafka_error_destroy(error)
    }

    /// Throws unless the code says that all is well.
    static func check(_ code: rd_kafka_resp_err_t, doing action: @autoclosure () -> String) throws(KafkaError) {
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code, doing: action()) }
    }
}
