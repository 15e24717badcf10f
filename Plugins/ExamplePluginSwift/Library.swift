import ZerothPlugin

/// All that makes these strategies a library that `zeroth --plugin` loads.
@c(zeroth_plugin_query) public func query() -> UnsafePointer<zeroth_plugin> {
  export(FivePointEstimator.self, rules: NesterovFactory(), FactoredMomentumFactory())
}
