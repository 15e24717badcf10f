#include "CZeroth.h"
