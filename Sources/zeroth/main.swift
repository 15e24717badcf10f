print("zeroth")
