#pragma once
#include <stdint.h>

// The few MPI calls that a run makes. They exist only in a build with the trait MPI.

// Starts MPI on the calling thread. Only this thread may call the other functions. If the process exits before
// zeroth_mpi_finish, the whole job ends with its status, or with 1 if that is 0. Returns 0, or MPI's error code.
int zeroth_mpi_start(void);
int zeroth_mpi_rank(void);
int zeroth_mpi_size(void);

// Gathers bytes of all ranks into `all`. Rank r gives `counts[r]` bytes, which lie at `places[r]`. `own` points to the
// bytes of this rank. If MPI fails, the job ends.
void zeroth_mpi_all_gather(const void *own, const int *counts, const int *places, void *all);

// Waits for all ranks, and then ends MPI.
void zeroth_mpi_finish(void);
