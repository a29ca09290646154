/// The index of dead letters is filled anew.
enum Migration0008 {
    static let number = 8
    static let name = "dead letters anew"
    static let sql = #"""
        -- Attributes that come twice were kept as if they came once; the topics are read again.
        TRUNCATE adjutant.dead_letters, adjutant.dead_letter_positions;
        """#
}
