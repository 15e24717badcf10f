// zlib, which reads gzip files. Its input is declared const.
#pragma once
#define ZLIB_CONST
#include <zlib.h>
