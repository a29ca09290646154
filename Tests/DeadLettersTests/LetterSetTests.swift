import Commands
import DeadLetters
import JSONCoding
import Testing

@Suite struct LetterSetTests {
    @Test("Holds what was put in, in any order, and nothing else", arguments: 0..<20)
    func random(seed: UInt64) throws {
        var state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1
        func next(_ limit: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(limit))
        }
        var set = LetterSet()
        var model: Set<[Int]> = []
        for _ in 0..<300 {
            let (partition, offset) = (next(3), next(60))
            set.insert(partition: Int32(partition), offset: Int64(offset))
            model.insert([partition, offset])
        }
        var found: Set<[Int]> = []
        set.forEach { found.insert([Int($0), Int($1)]) }
        #expect(found == model && set.count == model.count)
        for partition in 0..<3 {
            for offset in 0..<61 {
                #expect(
                    set.contains(partition: Int32(partition), offset: Int64(offset))
                        == model.contains([partition, offset]))
            }
        }
        let bytes = try FastJSONEncoder().encode(set)
        let back = try FastJSONDecoder().decode(LetterSet.self, from: bytes)
        #expect(back == set)
        #expect(set.ranges.count == 3)
    }

    @Test("A set of neighbours is short, whatever their number")
    func short() throws {
        let set = LetterSet((0..<100_000).map { LetterCoordinate(topic: "t", partition: 0, offset: $0) })
        #expect(try FastJSONEncoder().encode(set).count < 30)
        #expect(set.count == 100_000)
    }

    @Test(
        "What nobody here wrote is left out",
        arguments: [
            #"{"x":[1,2]}"#, #"{"0":[1]}"#, #"{"0":[-1,5]}"#, #"{"0":[1,0]}"#, #"{"0":[0,99999999999]}"#,
            #"{"-1":[0,1]}"#,
        ])
    func hostile(text: String) throws {
        #expect(try FastJSONDecoder().decode(LetterSet.self, from: Letters.bytes(text)).isEmpty)
    }
}
