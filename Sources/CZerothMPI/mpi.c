#ifdef ZEROTH_MPI
#define _DEFAULT_SOURCE
#include "CZerothMPI.h"

// Debian keeps the headers of its default MPI in a folder with the name mpi.
#if __has_include(<mpi.h>)
#include <mpi.h>
#else
#include <mpi/mpi.h>
#endif
#include <stdbool.h>
#include <stdlib.h>

static bool is_running = false;

// The other ranks would wait for this rank in their next call for ever. They are therefore ended with it.
static void abort_job(int status, void *unused) {
  (void)unused;
  if (is_running) MPI_Abort(MPI_COMM_WORLD, status == 0 ? 1 : status);
}

int zeroth_mpi_start(void) {
  int provided = 0;
  int error = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  if (error != MPI_SUCCESS) return error;
  is_running = true;
  on_exit(abort_job, NULL);
  return 0;
}

int zeroth_mpi_rank(void) {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

int zeroth_mpi_size(void) {
  int size = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

void zeroth_mpi_all_gather(const void *own, const int *counts, const int *places, void *all) {
  const int count = counts[zeroth_mpi_rank()];
  bool is_even = true;
  for (int r = 1; r < zeroth_mpi_size(); r++) is_even = is_even && counts[r] == counts[0];
  if (is_even)
    MPI_Allgather(own, count, MPI_BYTE, all, count, MPI_BYTE, MPI_COMM_WORLD);
  else
    MPI_Allgatherv(own, count, MPI_BYTE, all, counts, places, MPI_BYTE, MPI_COMM_WORLD);
}

void zeroth_mpi_finish(void) {
  if (!is_running) return;
  MPI_Barrier(MPI_COMM_WORLD);
  is_running = false;
  MPI_Finalize();
}
#endif
