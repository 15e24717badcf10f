extension TextTask {
  /// MNLI: whether a sentence follows from another, contradicts it, or neither (Williams et al. 2018).
  public static let mnli = NaturalLanguageInference.threeClasses(
    name: "mnli", summary: "inference between sentences of many genres, three classes")
}
