/// When a command is tried next.
enum Migration0005 {
    static let number = 5
    static let name = "next attempts"
    static let sql = #"""
        ALTER TABLE adjutant.commands ADD COLUMN due_at timestamptz;
        COMMENT ON COLUMN adjutant.commands.due_at IS
            'when the next attempt is to begin; null when the command is finished, or when nobody knows';
        """#
}
