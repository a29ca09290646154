/// Some of the rows that match, in order, and where to go on.
package struct Page<Row: Sendable>: Sendable {
    package var rows: [Row]
    /// For the next page; nil when there is none.
    package var next: PageCursor?
}
