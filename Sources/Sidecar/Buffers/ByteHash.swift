/// FNV-1a with 64 bits, for bounded tables. No defence against made-up collisions: a collision costs a comparison or
/// a wrong attempt count, never a message. The same in every process.
package func byteHash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes {
        hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }
    return hash
}
