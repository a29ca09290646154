import Testing

@testable import ToolKit

@Suite struct OutputTests {
    private let plain = Terminal(width: nil, hasColour: false)

    private var table: TextTable {
        var table = TextTable([.init("NAME"), .init("COUNT", isRight: true), .init("DETAIL", least: 4)], indent: 1)
        table.add(["a", "10", .init("short", .bad)])
        table.add(["longer", "9", "a rather long detail"])
        return table
    }

    @Test func columnsAreAligned() {
        #expect(
            self.table.lines(for: self.plain) == [
                " NAME    COUNT  DETAIL", " a          10  short", " longer      9  a rather long detail",
            ])
    }

    @Test func onlyColumnsThatMayBeCutAreCut() {
        let lines = self.table.lines(for: Terminal(width: 24, hasColour: false))
        #expect(lines == [" NAME    COUNT  DETAIL", " a          10  short", " longer      9  a rathe…"])
        #expect(self.table.lines(for: Terminal(width: 5, hasColour: false))[2] == " longer      9  a r…")
    }

    @Test func coloursTakeNoRoom() {
        let lines = self.table.lines(for: Terminal(width: 80, hasColour: true))
        #expect(lines[1] == " a          10  \u{1b}[31mshort\u{1b}[0m")
    }

    @Test func nothingInARecordReachesTheTerminal() {
        #expect("a\u{1b}[2Jb\n\u{202e}c\0".printable == "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\u{fffd}")
        #expect("äöü 日本 ✔".printable == "äöü 日本 ✔")
    }

    @Test func textIsCutAndWrapped() {
        #expect("abcdef".cut(to: 4) == "abc…" && "abc".cut(to: 3) == "abc" && "abc".cut(to: 0) == "")
        #expect("one two three four".wrapped(to: 9) == ["one two", "three", "four"])
    }
}
