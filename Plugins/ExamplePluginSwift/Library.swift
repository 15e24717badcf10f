import ZerothPlugin

/// The function that makes these strategies a library for `zeroth --plugin`. Nothing else is needed.
@c(zeroth_plugin_query) public func query() -> UnsafePointer<zeroth_plugin> {
  export(FivePointEstimator.self, rules: NesterovFactory(), FactoredMomentumFactory())
}
