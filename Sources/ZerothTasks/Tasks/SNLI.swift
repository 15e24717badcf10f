extension TextTask {
  /// SNLI: whether a caption follows from another, contradicts it, or neither (Bowman et al. 2015).
  public static let snli = NaturalLanguageInference.threeClasses(
    name: "snli", summary: "inference between captions of pictures, three classes")
}
