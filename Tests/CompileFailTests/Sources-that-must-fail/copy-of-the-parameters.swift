// error: noncopyable
import Zeroth

func copy(_ theta: borrowing ParameterStore) -> ParameterStore {
  let second = theta
  return second
}
