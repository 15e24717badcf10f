// Constants of Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC11), and the
// order in which this project reads its words.
//
// The words of one key have numbers n = 64 g + 16 j + l with j < 4 and l < 16: word n is word j of counter block 16 g +
// l. Sixteen blocks therefore fill sixteen lanes, and each of their four words is stored without a shuffle.
//
// Normal number n of a stream comes from word n. Sign n comes from bit n mod 32 of word floor(n / 32), where bit 0 is
// the lowest. It is -1 if the bit is set, and 1 otherwise.
#pragma once
#include "CZeroth.h"

enum { philox_group = 64, philox_lanes = 16, philox_rounds = 10 };

#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u
#define PHILOX_W1 0xBB67AE85u

/// The 128 words of groups 2 `pair` and 2 `pair` + 1, in order.
void zeroth_philox_words(uint64_t key, uint64_t pair, uint32_t out[2 * philox_group]);
