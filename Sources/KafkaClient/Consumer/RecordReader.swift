import CRDKafka
import Commands
import Glibc

/// Copies a message of librdkafka's into a record of ours: nothing of the message is kept.
///
/// `@unchecked Sendable`: the scratch space is used by the one thread that polls.
final class RecordReader: @unchecked Sendable {
    private struct RawHeader {
        var name: UnsafePointer<CChar>
        var nameCount: Int
        var value: UnsafeRawPointer?
        var valueCount: Int
    }

    /// Room for the headers of the message at hand; as a pointer, for the quickest way through all of them.
    private var raw = UnsafeMutableBufferPointer<RawHeader>.allocate(capacity: 128)
    private var topic = ""
    private var topicPointer: OpaquePointer?

    deinit { self.raw.deallocate() }

    func record(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> Record {
        let keyCount = message.pointee.key == nil ? -1 : message.pointee.key_len
        let valueCount = message.pointee.payload == nil ? -1 : message.pointee.len
        var total = max(keyCount, 0) + max(valueCount, 0)
        let raw = self.collectHeaders(of: message, total: &total)
        var headers: [HeaderSpan] = []
        headers.reserveCapacity(raw.count)
        var key = ByteSpan.null
        var value = ByteSpan.null
        let bytes = [UInt8](unsafeUninitializedCapacity: total) { buffer, count in
            guard let base = buffer.baseAddress else { return }
            var position = 0
            func put(_ source: UnsafeRawPointer?, _ length: Int) -> ByteSpan {
                if length > 0, let source { memcpy(base + position, source, length) }
                defer { position += length }
                return ByteSpan(start: position, count: length)
            }
            if keyCount >= 0 { key = put(message.pointee.key, keyCount) }
            for header in raw {
                let name = put(header.name, header.nameCount)
                let value = header.value == nil ? ByteSpan.null : put(header.value, header.valueCount)
                headers.append(HeaderSpan(name: name, value: value))
            }
            if valueCount >= 0 { value = put(message.pointee.payload, valueCount) }
            count = position
        }
        var type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let timestamp = rd_kafka_message_timestamp(message, &type)
        return Record(
            topic: self.topicName(message.pointee.rkt), partition: message.pointee.partition,
            offset: message.pointee.offset, timestamp: timestamp, bytes: bytes, headers: headers,
            key: keyCount < 0 ? .null : key, value: valueCount < 0 ? .null : value)
    }

    private func collectHeaders(
        of message: UnsafeMutablePointer<rd_kafka_message_t>, total: inout Int
    ) -> Slice<UnsafeMutableBufferPointer<RawHeader>> {
        var raw = self.raw
        var list: OpaquePointer?
        guard rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list else { return raw[..<0] }
        var index = 0
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while rd_kafka_header_get_all(list, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR, let name {
            if index == raw.count { raw = self.grow() }
            let nameCount = strlen(name)
            raw.initializeElement(
                at: index, to: RawHeader(name: name, nameCount: nameCount, value: value, valueCount: size))
            total += nameCount + size
            index += 1
        }
        return raw[..<index]
    }

    private func grow() -> UnsafeMutableBufferPointer<RawHeader> {
        let larger = UnsafeMutableBufferPointer<RawHeader>.allocate(capacity: self.raw.count * 2)
        _ = larger.moveInitialize(fromContentsOf: self.raw)
        self.raw.deallocate()
        self.raw = larger
        return larger
    }

    /// Records come in runs of one topic: its name is made once a run.
    private func topicName(_ pointer: OpaquePointer?) -> String {
        if pointer != self.topicPointer {
            self.topicPointer = pointer
            let name = pointer.map { String(cString: rd_kafka_topic_name($0)) } ?? ""
            if name != self.topic { self.topic = name }
        }
        return self.topic
    }
}
