import AMQP
import CRabbitMQ
import Testing

/// Bytes as a broker would send them, made with librabbitmq's encoders: an independent second opinion.
enum WireBytes {
    static func frame(_ kind: UInt8, channel: UInt16 = 1, _ payload: [UInt8], end: UInt8 = 0xCE) -> [UInt8] {
        [kind, UInt8(channel >> 8), UInt8(channel & 0xFF)] + Self.bigEndian(UInt32(payload.count)) + payload + [end]
    }

    static func bigEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    static func shortString(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }

    /// Method number and arguments.
    static func method<Arguments: BitwiseCopyable>(_ number: UInt32, _ arguments: Arguments) throws -> [UInt8] {
        var arguments = arguments
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { bytes in
            amqp_encode_method(number, &arguments, amqp_bytes_t(len: bytes.count, bytes: bytes.baseAddress))
        }
        try #require(count >= 0)
        return Self.bigEndian(number) + buffer[..<Int(count)]
    }

    /// Payload of a content header frame.
    static func header(bodyByteCount: UInt64, _ properties: amqp_basic_properties_t) throws -> [UInt8] {
        var properties = properties
        var buffer = [UInt8](repeating: 0, count: 4096)
        let basicClass: UInt16 = 60
        let count = buffer.withUnsafeMutableBytes { bytes in
            amqp_encode_properties(
                basicClass,
                &properties,
                amqp_bytes_t(len: bytes.count, bytes: bytes.baseAddress)
            )
        }
        try #require(count >= 0)
        let weight: UInt16 = 0
        return Self.bigEndian(basicClass) + Self.bigEndian(weight) + Self.bigEndian(bodyByteCount)
            + buffer[..<Int(count)]
    }
}

/// Texts for the library's structs. The memory is given back when the object goes away.
final class LibraryTexts {
    private var allocations: [UnsafeMutableRawPointer] = []

    deinit {
        for pointer in self.allocations { pointer.deallocate() }
    }

    func bytes(_ text: String) -> amqp_bytes_t {
        let source = Array(text.utf8)
        let copy = UnsafeMutableRawPointer.allocate(byteCount: max(1, source.count), alignment: 1)
        copy.copyMemory(from: source, byteCount: source.count)
        self.allocations.append(copy)
        return amqp_bytes_t(len: source.count, bytes: copy)
    }

    func table(_ entries: [(String, amqp_field_value_t)]) -> amqp_table_t {
        let list = UnsafeMutablePointer<amqp_table_entry_t>.allocate(capacity: max(1, entries.count))
        for (index, entry) in entries.enumerated() {
            (list + index).initialize(to: amqp_table_entry_t(key: self.bytes(entry.0), value: entry.1))
        }
        self.allocations.append(UnsafeMutableRawPointer(list))
        return amqp_table_t(num_entries: Int32(entries.count), entries: list)
    }
}
