import Commands
import DeadLetters
import Testing

@Suite struct HeaderTests {
    @Test("A worker's own letter")
    func own() throws {
        let letter = DeadLetter(
            Letters.own(origin: ("lab.commands", 4, 12), replays: 2, failed: "2026-05-04T10:00:00.250Z"))
        #expect(letter.format == .adjutant)
        #expect(letter.id == "c-1" && letter.type == "lab.run" && letter.key == "k")
        #expect(letter.failureClass == "permanent" && letter.code == "CODE" && letter.message == "CODE: it broke")
        #expect(letter.origin == LetterCoordinate(topic: "lab.commands", partition: 4, offset: 12))
        #expect(letter.group == "adjutant.lab" && letter.attempts == 3 && letter.replays == 2)
        #expect(letter.failedAt == 1_777_888_800_250_000 && letter.firstFailedAt == letter.failedAt)
        #expect(letter.fingerprint == letter.record.text(ofHeader: "adjutant-fingerprint"))
    }

    @Test("An attribute that comes twice is none, as the worker had it that gave the letter up")
    func twice() {
        let twice: [(String, [UInt8]?)] = ["ce_id", "ce_type", "ce_partitionkey", "ce_partitionkey"].map {
            ($0, Letters.bytes("other"))
        }
        let letter = DeadLetter(Letters.own(key: nil, more: twice))
        #expect(letter.id == nil && letter.type == nil && letter.key == nil)
        #expect(letter.code == "CODE" && letter.replays == 0)
    }

    @Test("Another program's letter with Kafka's own names")
    func kip1191() {
        let headers = ["topic": "lab.commands", "partition": "3", "offset": "8", "group": "g", "delivery.count": "5"]
            .map { ("__dlq.errors.\($0.key)", Letters.bytes($0.value) as [UInt8]?) }
        let letter = DeadLetter(Letters.foreign(headers + [("__dlq.errors.message", Letters.bytes("no luck"))]))
        #expect(letter.format == .kip1191 && letter.failureClass == nil && letter.code == nil)
        #expect(letter.origin?.description == "lab.commands/3/8")
        #expect(letter.group == "g" && letter.attempts == 5 && letter.message == "no luck")
        #expect(letter.failedAt == 1_777_888_800_000_000, "Kafka's time where no other is told")
    }

    @Test("Spring Kafka's letter: numbers are big-endian bytes")
    func spring() {
        let letter = DeadLetter(Letters.foreign(Letters.spring(partition: 259, offset: 0x0102_0304_0506)))
        #expect(letter.format == .spring)
        #expect(letter.originTopic == "lab.commands" && letter.originPartition == 259)
        #expect(letter.originOffset == 0x0102_0304_0506)
        #expect(letter.attempts == 3 && letter.group == "orders")
        #expect(letter.code == "SocketTimeoutException", "the cause, without its package")
        #expect(letter.message?.hasPrefix("Listener failed") == true)
    }

    @Test("Spring's headers pile up: the first names the origin, the last the error")
    func springTwice() {
        let letter = DeadLetter(
            Letters.foreign(Letters.spring() + Letters.spring(topic: "lab.retry.5s", partition: 1, message: "later")))
        #expect(letter.origin?.description == "lab.commands/5/4711")
        #expect(letter.message == "later")
    }

    @Test(
        "Numbers in binary and in text",
        arguments: [
            ([0, 0, 0, 0], 0), ([0, 0, 0, 7], 7), ([7], 7), ([0, 0, 1, 0, 0, 0, 0, 0], 1 << 40), ([0x34, 0x32], 42),
            ([0x31, 0x32, 0x33, 0x34], 1234), ([0x35], 0x35),
        ] as [([UInt8], Int64)])
    func binary(bytes: [UInt8], value: Int64) {
        let letter = DeadLetter(
            Letters.foreign([("kafka_dlt-original-topic", [65]), ("kafka_dlt-original-offset", bytes)]))
        #expect(letter.originOffset == value)
    }

    @Test(
        "Numbers that are none",
        arguments: [[], [0xff, 0xff, 0xff, 0xff], Array(repeating: 1, count: 9), Letters.bytes("not a number")]
            as [[UInt8]])
    func noNumber(bytes: [UInt8]) {
        let letter = DeadLetter(
            Letters.foreign([
                ("kafka_dlt-original-topic", [65]), ("kafka_dlt-original-partition", bytes),
                ("__dlq.errors.offset", bytes),
            ]))
        #expect(letter.originPartition == nil && letter.originOffset == nil)
        #expect(letter.originTopic == "A")
    }

    @Test("Kafka Connect's letter")
    func connect() {
        let letter = DeadLetter(Letters.foreign(Letters.connect))
        #expect(letter.format == .connect && letter.origin?.description == "lab.commands/2/99")
        #expect(letter.code == "DataException" && letter.message == "Converting byte[] failed")
        #expect(letter.group == "sink-1")
    }

    @Test("Kafka Streams' letter")
    func streams() {
        let letter = DeadLetter(Letters.foreign(Letters.streams))
        #expect(letter.format == .streams && letter.origin?.description == "lab.commands/1/17")
        #expect(letter.code == "SerializationException" && letter.message?.hasPrefix("Size of data") == true)
    }

    @Test("A letter of nobody known is still one")
    func unknown() {
        let letter = DeadLetter(Letters.foreign([("x", nil), ("", Letters.bytes("y"))], partition: 2, offset: 9))
        #expect(letter.format == .unknown && letter.origin == nil && letter.id == nil && letter.code == nil)
        #expect(letter.coordinate.description == "lab.dlt/2/9")
        #expect(letter.valueBytes == 2 && letter.failedAt > 0 && letter.fingerprint.utf8.count == 16)
    }

    @Test("Type, id and key of a structured event")
    func structured() {
        let event = #"{"specversion":"1.0","id":"s-1","source":"t","type":"lab.run","partitionkey":"pk","data":{}}"#
        let record = Record(
            topic: "lab.dlt", key: nil, value: Letters.bytes(event),
            headers: [
                ("Content-Type", nil), ("content-type", Letters.bytes("Application/CloudEvents+json")),
                ("adjutant-error-class", Letters.bytes("permanent")),
            ])
        let letter = DeadLetter(record)
        #expect(letter.id == "s-1" && letter.type == "lab.run" && letter.key == "pk")
    }

    @Test("Causes of foreign letters are told apart by exception and message, and only by those")
    func foreignFingerprint() {
        let one = DeadLetter(Letters.foreign(Letters.spring(offset: 1, message: "timeout after 30 ms")))
        let same = DeadLetter(Letters.foreign(Letters.spring(offset: 2, message: "timeout after 47 ms")))
        let other = DeadLetter(Letters.foreign(Letters.spring(offset: 1, message: "refused")))
        #expect(one.fingerprint == same.fingerprint && one.fingerprint != other.fingerprint)
    }

    @Test(
        "A forged count of replays does no harm",
        arguments: [("-5", 0), ("99999999999999999999", 0), ("x", 0), ("2000000", 1_000_000)])
    func forgedReplays(text: String, expected: Int) {
        let letter = DeadLetter(Letters.foreign([("adjutant-replays", Letters.bytes(text))]))
        #expect(letter.replays == expected)
    }
}
