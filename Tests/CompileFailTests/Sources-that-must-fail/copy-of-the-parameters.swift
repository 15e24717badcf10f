// error: borrowed and cannot be consumed
import Zeroth

func copy(_ theta: borrowing ParameterStore) -> ParameterStore {
  let second = theta
  return second
}
