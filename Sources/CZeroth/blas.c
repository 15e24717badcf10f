// The calls of OpenBLAS that the project makes. OpenBLAS stays on one thread: work is cut above it, by shape, so that
// the number of threads never changes a bit of a result.
#define _GNU_SOURCE
#include "CZeroth.h"

#include <cblas.h>
#include <dlfcn.h>

__attribute__((constructor)) static void one_thread(void) { openblas_set_num_threads(1); }

void zeroth_sgemm(bool transpose_b, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda,
                  const float *b, size_t ldb, float beta, float *c, size_t ldc) {
  if (m == 0 || n == 0) return;
  cblas_sgemm(CblasRowMajor, CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n, (blasint)k,
              alpha, a, (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

const char *zeroth_blas_library(void) {
  Dl_info info;
  return dladdr((const void *)&cblas_sgemm, &info) != 0 && info.dli_fname ? info.dli_fname : "unknown";
}

const char *zeroth_blas_configuration(void) { return openblas_get_config(); }
