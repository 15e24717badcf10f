<<<<<<< HEAD
// error: noncopyable
=======
// error: borrowed and cannot be consumed
>>>>>>> kit
import Zeroth

func copy(_ theta: borrowing ParameterStore) -> ParameterStore {
  let second = theta
  return second
}
