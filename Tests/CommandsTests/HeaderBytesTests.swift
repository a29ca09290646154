import Testing

@testable import Commands

/// What is looked at eight bytes at a time, at every place of the eight.
@Suite struct HeaderBytesTests {
    private func isText(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBufferPointer { EnvelopeReader.isText($0) } }

    @Test(arguments: 0..<27) func textIsUTF8WithoutNUL(count: Int) {
        let plain = (0..<count).map { UInt8(33 + $0) }
        #expect(self.isText(plain))
        for place in 0..<count {
            // A NUL, a byte that begins nothing, the largest ASCII character, and the smallest that is none of the two.
            for (byte, expected) in [(UInt8(0), false), (0x80, false), (0xff, false), (0x7f, true), (0x01, true)] {
                var bytes = plain
                bytes[place] = byte
                #expect(self.isText(bytes) == expected, "\(byte) at \(place)")
            }
            var bytes = plain
            bytes.replaceSubrange(place...place, with: Array("€".utf8))
            #expect(self.isText(bytes))
            bytes.append(0)
            #expect(!self.isText(bytes))
            bytes.removeLast(1)
            bytes.remove(at: place + 1)
            #expect(!self.isText(bytes))
        }
    }

    @Test(arguments: Attribute.allCases) func namesAreFoundAndNothingLikeThem(attribute: Attribute) {
        let name = Array(attribute.headerName.utf8)
        func find(_ name: [UInt8]) -> Attribute? {
            let bytes = [UInt8(ascii: "x")] + name + [UInt8(ascii: "x")]
            return bytes.withUnsafeBufferPointer {
                AttributeNames.shared.attribute($0, ByteSpan(start: 1, count: name.count))
            }
        }
        #expect(find(name) == attribute)
        for place in name.indices {
            var other = name
            other[place] ^= 0x20
            #expect(find(other) == nil)
        }
        #expect(find(name + [0]) == nil)
        #expect(find(Array(name.dropLast())) == nil)
    }

    @Test func everyAttributeHasItsPlace() throws {
        for attribute in Attribute.allCases {
            var index = AttributeIndex()
            for other in Attribute.allCases { #expect(!index.has(other) && index.span(other) == nil) }
            index.set(attribute, .null)
            #expect(index.has(attribute) && index.span(attribute) == nil)
            index.set(attribute, ByteSpan(start: 3, count: 0))
            #expect(index.span(attribute) == ByteSpan(start: 3, count: 0))
            for other in Attribute.allCases where other != attribute { #expect(!index.has(other)) }
        }
    }
}
