// error: used after consume
import Zeroth

func copy(_ layout: ParameterLayout) -> ParameterStore {
  let theta = ParameterStore(layout)
  let second = theta
  _ = theta.clone()
  return second
}
