extension String {
    /// The text if it has no more bytes than that, otherwise as much of it as fits before an ellipsis; cut between
    /// characters.
    package func cut(toBytes limit: Int) -> String {
        guard self.utf8.count > limit else { return self }
        let ellipsis = "…"
        var cut = ""
        var count = ellipsis.utf8.count
        for character in self {
            count += character.utf8.count
            guard count <= limit else { break }
            cut.append(character)
        }
        return cut + ellipsis
    }
}
