import DequeModule

/// Undelivered records of one topic, in the order in which they are to be sent again.
///
/// A younger producer holds only what older ones gave back before, and what went from here: it was all accepted before
/// what older ones still give back, and before what is left here of theirs. So the youngest producer's records go
/// first, and one producer's in the order in which it reports them.
struct KeptQueue<Element> {
    private struct Block {
        /// The producer's number: younger ones have higher ones.
        let producer: Int
        var elements: Deque<Element>
    }

    /// From the youngest producer to the oldest; none is empty.
    private var blocks: [Block] = []

    var isEmpty: Bool { self.blocks.isEmpty }

    /// What is to be sent first, and the number of the producer that gave it back.
    var first: (element: Element, producer: Int)? {
        guard let block = self.blocks.first, let element = block.elements.first else { return nil }
        return (element, block.producer)
    }

    mutating func insert(_ element: Element, from producer: Int) {
        let index = self.blocks.firstIndex { $0.producer <= producer } ?? self.blocks.endIndex
        if index < self.blocks.endIndex, self.blocks[index].producer == producer {
            self.blocks[index].elements.append(element)
        } else {
            self.blocks.insert(Block(producer: producer, elements: [element]), at: index)
        }
    }

    mutating func removeFirst() {
        self.blocks[0].elements.removeFirst()
        if self.blocks[0].elements.isEmpty { self.blocks.removeFirst() }
    }
}
