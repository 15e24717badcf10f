// error: CoreDirection
import Zeroth

func moments(_ layout: ParameterLayout) -> CoreVector {
  CoreVector(for: DenseDirection(StreamKey(seed: 1), layout: layout), in: layout)
}
