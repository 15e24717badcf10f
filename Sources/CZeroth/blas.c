// The calls of OpenBLAS that the project makes. OpenBLAS always uses one thread. The project divides the work itself,
// by shape alone, so that the number of threads never changes a bit of a result.
#define _GNU_SOURCE
#include "CZeroth.h"

#include <cblas.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

__attribute__((constructor)) static void one_thread(void) { openblas_set_num_threads(1); }

// OpenBLAS takes a buffer for each thread that multiplies, at the first product that needs one. If there is no memory
// for it, OpenBLAS tries for ever. The buffers are therefore taken here, before the threads of the pool begin to
// multiply. If the library does not export the two functions, this step is left out.
enum { buffer_bytes = 1 << 27 };  // no kind of CPU has larger buffers
static _Atomic int threads_with_buffers;
static pthread_mutex_t buffers_lock = PTHREAD_MUTEX_INITIALIZER;

static void have_buffers(int threads) {
  void *(*take)(int) = (void *(*)(int))dlsym(RTLD_DEFAULT, "blas_memory_alloc");
  void (*give)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "blas_memory_free");
  pthread_mutex_lock(&buffers_lock);
  if (threads > threads_with_buffers && take != NULL && give != NULL) {
    void *buffers[64] = {NULL};
    for (int i = 0; i < threads && i < 64; i++) {
      void *room = mmap(NULL, buffer_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (room == MAP_FAILED) zeroth_end_without_memory("the buffers of OpenBLAS");
      munmap(room, buffer_bytes);
      buffers[i] = take(0);
    }
    for (int i = 0; i < 64; i++)
      if (buffers[i] != NULL) give(buffers[i]);
  }
  if (threads > threads_with_buffers) threads_with_buffers = threads;
  pthread_mutex_unlock(&buffers_lock);
}

static void prepare(void) {
  int threads = zeroth_threads();
  if (threads > atomic_load_explicit(&threads_with_buffers, memory_order_relaxed)) have_buffers(threads);
}

void zeroth_sgemm(bool transpose_b, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda,
                  const float *b, size_t ldb, float beta, float *c, size_t ldc) {
  if (m == 0 || n == 0) return;
  prepare();
  cblas_sgemm(CblasRowMajor, CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n, (blasint)k,
              alpha, a, (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

void zeroth_sgemm_transposed(size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda, const float *b,
                             size_t ldb, float beta, float *c, size_t ldc) {
  if (m == 0 || n == 0) return;
  prepare();
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, alpha, a, (blasint)lda, b,
              (blasint)ldb, beta, c, (blasint)ldc);
}

// LAPACK's divide-and-conquer SVD, a Fortran function. Columns are stored one after the other. The last argument is the
// length of the first, a text.
extern void dgesdd_(const char *job, const blasint *m, const blasint *n, double *a, const blasint *lda, double *s,
                    double *u, const blasint *ldu, double *vt, const blasint *ldvt, double *work, const blasint *lwork,
                    blasint *iwork, blasint *info, size_t);

int zeroth_singular_values(size_t m, size_t n, const float *a, double *sigma) {
  prepare();
  // A by rows is the same memory as A^T by columns, and A^T has the same singular values.
  blasint rows = (blasint)n, columns = (blasint)m, one = 1, query = -1, info = 0;
  size_t least = m < n ? m : n;
  double *copy = malloc(m * n * sizeof(double)), none = 0, size = 0;
  blasint *integers = malloc(8 * least * sizeof(blasint));
  if (copy == NULL || integers == NULL) zeroth_end_without_memory("a matrix in double");
  for (size_t i = 0; i < m * n; i++) copy[i] = a[i];
  dgesdd_("N", &rows, &columns, copy, &rows, sigma, &none, &one, &none, &one, &size, &query, integers, &info, 1);
  if (info == 0) {
    blasint length = (blasint)size;
    double *work = malloc((size_t)length * sizeof(double));
    if (work == NULL) zeroth_end_without_memory("LAPACK's work on a matrix");
    dgesdd_("N", &rows, &columns, copy, &rows, sigma, &none, &one, &none, &one, work, &length, integers, &info, 1);
    free(work);
  }
  free(copy);
  free(integers);
  return (int)info;
}

const char *zeroth_blas_library(void) {
  Dl_info info;
  return dladdr((const void *)&cblas_sgemm, &info) != 0 && info.dli_fname ? info.dli_fname : "unknown";
}

const char *zeroth_blas_configuration(void) { return openblas_get_config(); }
