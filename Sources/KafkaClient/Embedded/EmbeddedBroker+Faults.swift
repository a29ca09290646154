import CRDKafka

/// Requests of Kafka's protocol that the embedded broker can be told to refuse; the numbers are the protocol's.
package enum KafkaRequest: Int16, Sendable {
    case produce = 0
    case fetch = 1
    case offsetCommit = 8
    case offsetFetch = 9
    case findCoordinator = 10
    case joinGroup = 11
    case heartbeat = 12
    case initProducerID = 22
}

/// Trouble on demand, for tests.
///
/// What cannot be had: errors of requests that were carried out all the same (a refused request leaves no trace), and a
/// lost acknowledgement other than by ``setRoundTrip(milliseconds:broker:)`` and ``takeDown()``.
extension EmbeddedBroker {
    /// The next requests of the kind, to any broker, fail with these errors in order; nil lets one pass.
    package func refuse(_ request: KafkaRequest, with errors: [KafkaError.Code?]) {
        let codes = errors.map { rd_kafka_resp_err_t(rawValue: $0?.rawValue ?? 0) }
        rd_kafka_mock_push_request_errors_array(self.cluster, request.rawValue, codes.count, codes)
    }

    /// Takes back what ``refuse(_:with:)`` has not used up.
    package func stopRefusing(_ request: KafkaRequest) {
        rd_kafka_mock_clear_request_errors(self.cluster, request.rawValue)
    }

    /// A topic answers requests for its metadata, and so all that is sent to it, with an error; nil takes that back.
    package func refuse(topic: String, with error: KafkaError.Code?) {
        let code = rd_kafka_resp_err_t(rawValue: error?.rawValue ?? 0)
        MockWaker.whileAwake(self.bootstrapServers) { rd_kafka_mock_topic_set_error(self.cluster, topic, code) }
    }

    /// Closes all connections and accepts none.
    package func takeDown() throws {
        try self.control("cannot take the brokers down") { rd_kafka_mock_broker_set_down($0, -1) }
    }

    /// Accepts connections again, on the same ports.
    package func bringUp() throws {
        try self.control("cannot bring the brokers up") { rd_kafka_mock_broker_set_up($0, -1) }
    }

    /// Holds every answer of the brokers back for a while; requests are carried out at once.
    package func setRoundTrip(milliseconds: Int32) throws {
        try self.control("cannot set the round trip") { rd_kafka_mock_broker_set_rtt($0, -1, milliseconds) }
    }

    /// Makes another broker, numbered from 1, the coordinator of a group.
    package func moveCoordinator(group: String, to broker: Int32) throws {
        precondition(broker >= 1 && broker <= self.brokers, "the mock cluster aborts on a coordinator that it lacks")
        try self.control("cannot move the coordinator") { rd_kafka_mock_coordinator_set($0, "group", group, broker) }
    }

    /// Makes another broker, numbered from 1, the leader of a partition.
    package func moveLeader(topic: String, partition: Int32, to broker: Int32) throws {
        try self.control("cannot move the leader") { rd_kafka_mock_partition_set_leader($0, topic, partition, broker) }
    }

    private func control(_ action: String, _ body: (OpaquePointer) -> rd_kafka_resp_err_t) throws {
        try MockWaker.whileAwake(self.bootstrapServers) { try KafkaError.check(body(self.cluster), doing: action) }
    }
}

extension KafkaError.Code {
    package static let notEnoughReplicas = Self(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS)
    package static let notLeader = Self(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION)
    package static let requestTimedOut = Self(RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT)
    package static let outOfOrderSequence = Self(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER)
    package static let unknownProducerID = Self(RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID)
    package static let notCoordinator = Self(RD_KAFKA_RESP_ERR_NOT_COORDINATOR)
    package static let coordinatorLoading = Self(RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS)
    package static let rebalanceInProgress = Self(RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS)
    package static let illegalGeneration = Self(RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION)
    package static let unknownMember = Self(RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID)
}
