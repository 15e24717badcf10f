#pragma once
#include <stdint.h>

// The few calls of MPI that a run makes. They are there only where the trait MPI is.

// Begins MPI on the calling thread, which alone may call the others. Should the process exit before zeroth_mpi_finish, it ends the
// whole job with its status. Returns 0, or MPI's error code.
int zeroth_mpi_start(void);
int zeroth_mpi_rank(void);
int zeroth_mpi_size(void);

// Fills `all` with the bytes of all ranks, in their order: `counts[r]` of rank r, at `places[r]`. `own` are this one's.
// Ends the job where MPI fails.
void zeroth_mpi_all_gather(const void *own, const int *counts, const int *places, void *all);

// Waits for all ranks, and ends MPI.
void zeroth_mpi_finish(void);
