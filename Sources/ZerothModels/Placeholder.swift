import Zeroth
