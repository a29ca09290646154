import JSONCoding
import Testing

@Suite struct WriterTests {
    @Test func writesEveryForm() {
        var writer = JSONWriter(appendingTo: Array("#".utf8))
        writer.beginObject()
        writer.key("a")
        writer.string("x\"y")
        writer.key(Array("b".utf8))
        writer.beginArray()
        writer.int(-5)
        writer.int(UInt64.max)
        writer.bool(true)
        writer.null()
        writer.beginObject()
        writer.endObject()
        writer.beginArray()
        writer.endArray()
        writer.double(0.5)
        writer.double(.nan)
        writer.endArray()
        writer.key(escaping: "k\n")
        writer.rawJSON(Array("[1]".utf8))
        writer.key("s")
        writer.string("abc".dropFirst())
        writer.key("u")
        writer.string(Array("\u{1}".utf8)[...])
        writer.key("t")
        writer.timestamp(0, precision: .microseconds)
        writer.key("v")
        writer.value(["z": 1, "y": nil])
        writer.endObject()
        let text = String(decoding: writer.finish(), as: UTF8.self)
        let list = #"[-5,18446744073709551615,true,null,{},[],0.5,null]"#
        let rest = #""s":"bc","u":"\u0001","t":"1970-01-01T00:00:00.000000Z","v":{"y":null,"z":1}"#
        #expect(text == #"#{"a":"x\"y","b":\#(list),"k\n":[1],\#(rest)}"#)
    }
}
