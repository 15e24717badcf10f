import Testing
import Zeroth
import ZerothTestKit

@Suite struct ParameterLayoutTests {
  @Test func blocksLieOneAfterAnotherAligned() throws {
    let layout = ParameterLayout.small
    var end = 0
    for (i, block) in layout.blocks.enumerated() {
      #expect(block.index == i)
      #expect(block.offset.isMultiple(of: 16))
      #expect(block.offset >= end)
      end = block.offset + block.count
      #expect(layout[block.name] == block)
    }
    #expect(layout.storageCount >= end)
    #expect(layout.parameterCount == 62)
    #expect(layout["nothing"] == nil)
    #expect(layout.blocks.map(\.isMatrix) == [true, false, false, true, true])
    #expect(!ParameterLayout.made([.init("row", rows: 1, columns: 5)]).blocks[0].isMatrix)
  }

  @Test func wrongEntries() {
    #expect(throws: InputError.self) { try ParameterLayout([.init("a", rows: 0)]) }
    #expect(throws: InputError.self) { try ParameterLayout([.init("a", rows: 2, columns: -1)]) }
    #expect(throws: InputError.self) { try ParameterLayout([.init("a", rows: 1), .init("a", rows: 2)]) }
    #expect(throws: InputError.self) { try ParameterLayout([.init("a", rows: 1 << 40, columns: 1 << 40)]) }
    #expect(throws: InputError.self) {
      try ParameterLayout([.init("a", rows: 1 << 30, columns: 1 << 30), .init("b", rows: 1 << 30, columns: 1 << 30)])
    }
  }

  @Test func trainingOnlySome() throws {
    let layout = try ParameterLayout.small.training(only: .roles("query", "norm"))
    #expect(layout.trainable.map(\.role) == ["query", "norm"])
    #expect(layout.trainableCount == 24)
    #expect(layout.parameterCount == 62)
    #expect(layout != .small)
    #expect(throws: InputError.self) { try layout.training(only: .roles("adapter")) }
  }
}

@Suite struct ParameterStoreTests {
  @Test func startsAtZeroAndIsAligned() {
    let theta = ParameterStore(.small)
    for block in ParameterLayout.small.blocks {
      #expect(theta.values(of: block) == [Float](repeating: 0, count: block.count))
      #expect(UInt(bitPattern: theta.stored().bytes(of: block).baseAddress).isMultiple(of: 64))
    }
  }

  @Test func clonesAreApart() {
    let block = ParameterLayout.small.blocks[1]
    var theta = ParameterStore(.small)
    theta.fill(block, with: [1, 2, 3, 4, 5])
    var other = theta.clone()
    other.withMutableBlock(block) { $0[0] = 9 }
    #expect(theta.values(of: block) == [1, 2, 3, 4, 5])
    #expect(other.values(of: block) == [9, 2, 3, 4, 5])
    theta.copy(from: other)
    #expect(theta.values(of: block) == [9, 2, 3, 4, 5])
    #expect(theta.withBlock(block) { $0[0] } == 9)
  }

  @Test func addingLeavesFrozenBlocks() throws {
    let layout = try ParameterLayout.small.training(only: .matrices)
    var theta = ParameterStore(layout)
    theta.add(DenseDirection(StreamKey(seed: 1), layout: layout), scale: 2)
    for block in layout.blocks {
      #expect(theta.values(of: block).allSatisfy { ($0 != 0) == block.isTrainable })
      if block.isTrainable {
        let z = DenseDirection(StreamKey(seed: 1), layout: layout).values(of: block)
        #expect(theta.values(of: block) == z.map { 2 * $0 })
      }
    }
  }
}

@Suite struct BlockSelectionTests {
  static let layout = ParameterLayout.attention(layers: 3, width: 4)

  @Test(arguments: [
    "all", "matrices", "vectors", "query,value", "not bias,norm", "one-column", "layers:0-1", "layers:2-2",
    "name:*.query.*",
    "key,query and layers:1-2", "matrices and not name:embedding*", "not layers:0-0 and not vectors",
  ]) func descriptionsAreRead(_ text: String) throws {
    let selection = try BlockSelection(parsing: text)
    #expect(selection.description == text)
    #expect(try BlockSelection(parsing: selection.description) == selection)
    #expect(try !selection.resolve(in: Self.layout).isEmpty)
  }

  @Test func descriptionsOfWhatIsBuilt() {
    #expect(BlockSelection.roles("value", "query").description == "query,value")
    #expect(BlockSelection.excluding("norm").and(.layers(0...1)).description == "not norm and layers:0-1")
  }

  @Test(arguments: [
    "", "Queries", "query_a", "-query", "query--key", "query,", "layers:", "layers:2-1", "layers:a-b", "layers:1-2-3",
    "name:", "query and ",
    "not ", "all,query", "layers:-1-2",
  ]) func whatCannotBeRead(_ text: String) {
    #expect(throws: InputError.self) { try BlockSelection(parsing: text) }
  }

  @Test func rolesAreAnyTag() throws {
    let layout = ParameterLayout.made([
      .init("a", rows: 2, columns: 2, role: "gate-2"), .init("b", rows: 2, role: "shift"),
      .init("c", rows: 1, columns: 3),
    ])
    func names(_ text: String) throws -> [String] { try BlockSelection(parsing: text).resolve(in: layout).map(\.name) }
    #expect(try names("shift,gate-2") == ["a", "b"] && names("dense") == ["c"])
    #expect(try BlockSelection(parsing: "shift,gate-2").description == "gate-2,shift")
    #expect(try names("vectors") == ["b", "c"] && names("one-column") == ["b"])
    #expect(WeightDecay(1).rate(on: layout.blocks[1]) == 0 && WeightDecay(1).rate(on: layout.blocks[2]) == 1)
  }

  @Test func resolved() throws {
    func names(_ text: String) throws -> [String] {
      try BlockSelection(parsing: text).resolve(in: Self.layout).map(\.name)
    }
    #expect(try names("query,value and layers:1-1") == ["layers.1.query.weight", "layers.1.value.weight"])
    #expect(try names("layers:2") == names("layers:2-2"))
    #expect(try names("name:*norm*").count == 3)
    #expect(try names("name:layers.*.query.*") == names("name:*query*"))
    #expect(try names("name:head.weight") == ["head.weight"])
    #expect(try names("not matrices") == names("vectors"))
    #expect(try names("all").count == Self.layout.blocks.count)
    #expect(try names("name:*") == names("all"))
    #expect(try names("name:*.weight").count + names("name:*.bias").count == Self.layout.blocks.count)
    // Blocks outside the layers are in no range of layers.
    #expect(try !names("layers:0-99").contains("embedding.weight"))
    #expect(try names("not layers:0-99") == ["embedding.weight", "head.weight"])
  }

  /// A pattern that makes naive matching take exponential time.
  @Test func globsAreFast() throws {
    let name = String(repeating: "a", count: 2000)
    let layout = ParameterLayout.made([.init(name, rows: 1)])
    let pattern = String(repeating: "*a", count: 200) + "*b"
    #expect(throws: InputError.self) { try BlockSelection.named(pattern).resolve(in: layout) }
    #expect(try BlockSelection.named(String(repeating: "*a", count: 200)).resolve(in: layout).count == 1)
  }

  @Test func selectingNothingSaysWhatThereIs() throws {
    let error = #expect(throws: InputError.self) { try BlockSelection.roles("adapter").resolve(in: Self.layout) }
    #expect(error?.description.contains("adapter") == true)
    #expect(error?.expected.contains("query") == true)
    let heads = #expect(throws: InputError.self) {
      try BlockSelection.roles("heads").resolve(in: Self.layout, for: "blocks")
    }
    #expect(
      heads?.description.hasPrefix("blocks 'heads': found no block of the role 'heads', expected perhaps 'head'")
        == true)
    // A slip beside a role that is there selects less than was meant, so it is no selection either.
    #expect(throws: InputError.self) { try BlockSelection(parsing: "query,valeu").resolve(in: Self.layout) }
    #expect(throws: InputError.self) { try BlockSelection(parsing: "not biass").resolve(in: Self.layout) }
    #expect(try BlockSelection(parsing: "query,adapter").resolve(in: Self.layout).count == 3)
  }
}
