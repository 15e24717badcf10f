// The C floor of Zeroth: random streams (GSL, Philox), vector kernels, BLAS calls and a thread pool.
// Nothing of GSL or OpenBLAS shows here: their headers cannot be imported together.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- Memory ------------------------------------------------------------------------------------------------------

/// Ends the process with status 2, and one line on standard error that says what there is no memory for.
__attribute__((noreturn)) void zeroth_end_without_memory(const char *_Nonnull purpose);

/// `bytes` of zeroed memory, aligned to 64 bytes (to huge pages where large); NULL when there is none.
void *_Nullable zeroth_allocate(size_t bytes);
/// Returns what `zeroth_allocate` gave.
void zeroth_deallocate(void *_Nullable memory, size_t bytes);

/// `bytes` of temporary memory, aligned to 64 bytes, from a stack that each thread has and keeps: what is taken last is
/// returned first, by the same thread, with the same `bytes`. NULL when there is none.
void *_Nullable zeroth_scratch_take(size_t bytes);
void zeroth_scratch_return(void *_Nonnull memory, size_t bytes);

/// Reads `bytes` bytes once and returns their sum in words of 8 bytes, the rest left out: as fast as memory gives them.
uint64_t zeroth_read_bytes(const void *_Nonnull memory, size_t bytes);

/// Address space of `bytes` whose pages take memory when they are first touched; NULL when it cannot be had. Pages are huge where
/// `huge` is not 0: for memory of which all but the end is touched.
void *_Nullable zeroth_reserve(size_t bytes, int huge);
void zeroth_release(void *_Nonnull memory, size_t bytes);

// ---- Threads -----------------------------------------------------------------------------------------------------

/// Sets how many threads `zeroth_parallel` uses, the caller included; OpenBLAS itself stays on one.
void zeroth_set_threads(int threads);
/// How many threads `zeroth_parallel` uses for the calling thread.
int zeroth_threads(void);
/// Gives the calling thread a number of threads of its own, 0 for the process's, and returns what it had.
int zeroth_set_own_threads(int threads);
/// The loops of more than one index that a thread ran while it held the pool.
struct zeroth_loops {
  long loops;
  /// Those that ran on fewer threads than `zeroth_threads()` and their number of indices allow.
  long narrow;
};
/// Holds the pool for the calling thread, so that no other thread's loop takes it, and waits until it is free. In a loop
/// of the holder every thread takes part. Calls nest.
void zeroth_take_pool(void);
/// Ends `zeroth_take_pool` and returns the loops since the outermost one.
struct zeroth_loops zeroth_return_pool(void);
/// Calls `body(context, i, worker)` for every i in 0..<count, each once, on any thread; `worker` < `zeroth_threads()`
/// tells apart those that run at the same time, at most `limit`. Runs in the caller alone when called from inside itself
/// or while another caller holds the pool.
void zeroth_parallel(int count, int limit, void *_Nullable context, void (*_Nonnull body)(void *_Nullable, int, int));

// ---- Random streams ----------------------------------------------------------------------------------------------

/// Philox4x32-10 of one counter block (Salmon et al. 2011), as Random123 computes it.
void zeroth_philox4x32(const uint32_t counter[_Nonnull 4], uint64_t key, uint32_t out[_Nonnull 4]);

/// Number of generators by name; 0 is `philox4x32`, the others are GSL's, but for three that know too few seeds.
int zeroth_generator_count(void);
const char *_Nonnull zeroth_generator_name(int generator);

/// A sequential stream: a `gsl_rng` on which GSL's distributions run.
typedef struct zeroth_stream zeroth_stream;
/// From its start: all 64 bits of the key count for Philox, a 32-bit hash of them for GSL's own generators.
zeroth_stream *_Nullable zeroth_stream_make(int generator, uint64_t key);
void zeroth_stream_free(zeroth_stream *_Nullable stream);
/// 32 random bits (fewer where the GSL generator has a smaller range: then combined from several draws).
uint32_t zeroth_stream_bits(zeroth_stream *_Nonnull stream);
/// Uniform on [0, 1).
double zeroth_stream_uniform(zeroth_stream *_Nonnull stream);
/// Uniform on 0..<n, n <= 2^32 - 1.
uint32_t zeroth_stream_below(zeroth_stream *_Nonnull stream, uint32_t n);
/// Standard normal, by GSL's ziggurat.
double zeroth_stream_gaussian(zeroth_stream *_Nonnull stream);

/// What the noise of a direction is drawn from: standard normal numbers, or signs.
///
/// A sign of Philox is one bit of a word, set for -1: bit n mod 32 of word floor(n / 32) for element n. GSL's own
/// generators draw 32 bits for each sign and use the highest: the low bits of some (vax, transputer) have short periods.
enum zeroth_distribution { zeroth_gaussian = 0, zeroth_rademacher = 1 };

/// out[i] = (base ? base[i] : 0) + scale * noise[first + i] for i in 0..<count, where noise is the sequence that
/// `generator`, `key` and `distribution` define. Any part of it can be asked for alone. `base` may be `out`.
/// With a base of its own this is `zeroth_displace` along noise that is never stored; Philox's signs cost little more than
/// what reading and writing the floats does.
void zeroth_noise(int generator, enum zeroth_distribution distribution, uint64_t key, uint64_t first, size_t count,
                  float scale, const float *_Nullable base, float *_Nonnull out);

/// The instruction sets that the Philox noise can run on here, best first: "avx512", "avx2", "generic".
int zeroth_isa_count(void);
const char *_Nonnull zeroth_isa_name(int isa);
/// As `zeroth_noise` for Philox, on a chosen instruction set: the same bits on each.
void zeroth_noise_on(int isa, enum zeroth_distribution distribution, uint64_t key, uint64_t first, size_t count,
                     float scale, const float *_Nullable base, float *_Nonnull out);

/// The normal numbers of `groups` groups of 64 words each, on a chosen instruction set: places l and 16 + l (32 + l and
/// 48 + l) of a group are the cosine and the sine of words l and 16 + l (32 + l and 48 + l), l < 16.
void zeroth_normals_on(int isa, size_t groups, const uint32_t *_Nonnull words, float *_Nonnull out);

// ---- Storage in fewer bits ---------------------------------------------------------------------------------------

/// How elements are stored: one by one, or quantised in blocks that share their scales, as GGML lays them out.
enum zeroth_format {
  zeroth_float32 = 0,
  zeroth_bfloat16,
  zeroth_float16,
  zeroth_q4_0,
  zeroth_q4_1,
  zeroth_q5_0,
  zeroth_q5_1,
  zeroth_q8_0,
  zeroth_q2_k,
  zeroth_q3_k,
  zeroth_q4_k,
  zeroth_q5_k,
  zeroth_q6_k,
  zeroth_iq4_nl,
  zeroth_iq4_xs,
};
/// The elements of a block of `format`, and its bytes; 1 element where they are stored one by one.
size_t zeroth_block_elements(enum zeroth_format format);
size_t zeroth_block_bytes(enum zeroth_format format);
/// y = elements first ... first + n - 1 of those that are stored from x on, which may be any address. Exact for elements
/// stored one by one, whose NaNs keep their payload; of a quantised one, the products and sums that define it, each
/// rounded to fp32.
void zeroth_widen(enum zeroth_format format, size_t first, size_t n, const void *_Nonnull x, float *_Nonnull y);
/// y[i] = the dot product of v with elements first + i stride ... first + i stride + n - 1 of those stored from x on, for
/// each of m rows: elements in fewer bits than fp32, of a quantised format in whole blocks.
void zeroth_dot_rows(enum zeroth_format format, size_t m, size_t first, size_t stride, size_t n, const void *_Nonnull x,
                     const float *_Nonnull v, float *_Nonnull y);
/// y = x rounded to bfloat16 or float16: up or down at random, so that the mean is x (Croci et al. 2022). Element i takes
/// the random word first + i of `key`. Infinities and NaNs stay such; what exceeds float16's range becomes infinite.
void zeroth_narrow(enum zeroth_format format, size_t n, const float *_Nonnull x, uint64_t key, uint64_t first,
                   void *_Nonnull y);

// ---- Vectors and matrices (row-major, fp32) ----------------------------------------------------------------------

/// y += a x
void zeroth_axpy(size_t n, float a, const float *_Nonnull x, float *_Nonnull y);
/// out = x + a z
void zeroth_displace(size_t n, const float *_Nonnull x, float a, const float *_Nonnull z, float *_Nonnull out);
/// y *= a
void zeroth_scale(size_t n, float a, float *_Nonnull y);
/// y += a (x - x0)
void zeroth_axpy_difference(size_t n, float a, const float *_Nonnull x, const float *_Nonnull x0, float *_Nonnull y);
/// y = y0 + ratio (y - y0)
void zeroth_project(size_t n, float ratio, const float *_Nonnull y0, float *_Nonnull y);
/// sum of products, accumulated in double; of x with itself, its sum of squares
double zeroth_dot(size_t n, const float *_Nonnull x, const float *_Nonnull y);
/// sum of (x - x0)^2, accumulated in double
double zeroth_sum_of_squared_differences(size_t n, const float *_Nonnull x, const float *_Nonnull x0);
/// W (m x n, leading dimension ldw) += a U V^T, U m x r, vt = V^T r x n
void zeroth_low_rank_add(size_t m, size_t n, size_t r, float a, const float *_Nonnull u, const float *_Nonnull vt,
                         float *_Nonnull w, size_t ldw);

/// The first r columns of C, m rows that lie `width` floats apart, = A, m x r.
void zeroth_put_columns(size_t m, size_t r, const float *_Nonnull a, size_t width, float *_Nonnull c);

/// sigma = the min(m, n) singular values of A, m x n, descending, by LAPACK in double. Returns 0, or LAPACK's complaint.
int zeroth_singular_values(size_t m, size_t n, const float *_Nonnull a, double *_Nonnull sigma);

/// ||B V^T||_F^2 = tr(B^T B V^T V) in double, with `left` = B, m x r, and `right` = V^T, r x n
double zeroth_factor_energy(size_t m, size_t n, size_t r, const float *_Nonnull left, const float *_Nonnull right);
/// The matrix of rank `most` at most that is nearest to B V^T, B m x r and `right` = V^T r x n, by QR of both and Jacobi's
/// SVD in double: its factors, m x k and k x n, each with the roots of the singular values. Returns k; `lost` is the squared Frobenius
/// norm of the difference. most <= min(m, n).
size_t zeroth_compress_factors(size_t m, size_t n, size_t r, const float *_Nonnull left, const float *_Nonnull right,
                               size_t most, float *_Nonnull new_left, float *_Nonnull new_right, double *_Nonnull lost);

/// C (m x n, leading dimension ldc) = alpha A op(B) + beta C with A m x k; B is n x k when `transpose_b`, else k x n.
void zeroth_sgemm(bool transpose_b, size_t m, size_t n, size_t k, float alpha, const float *_Nonnull a, size_t lda,
                  const float *_Nonnull b, size_t ldb, float beta, float *_Nonnull c, size_t ldc);
/// C (m x n, leading dimension ldc) = alpha A^T B + beta C with A k x m and B k x n.
void zeroth_sgemm_transposed(size_t m, size_t n, size_t k, float alpha, const float *_Nonnull a, size_t lda,
                             const float *_Nonnull b, size_t ldb, float beta, float *_Nonnull c, size_t ldc);
/// The file that `cblas_sgemm` comes from: to see that it is OpenBLAS's and not GSL's.
const char *_Nonnull zeroth_blas_library(void);
/// OpenBLAS's own words on its build and the kernels it chose.
const char *_Nonnull zeroth_blas_configuration(void);

// ---- Products with W (row-major, fp32) ---------------------------------------------------------------------------
// Sources/ZerothModels/Layers/Product.swift says what a tile, a block, a panel and a stage are.

/// Floats that X (m x k) takes when it is packed.
size_t zeroth_packed_count(size_t m, size_t k);
/// Rows of X in a tile. A packed X is its tiles, one behind the other; the last may have fewer rows.
size_t zeroth_tile_rows(void);
/// Packs X for products: tiles of rows, column by column, in the order in which the kernel reads them. `packed` is
/// aligned to 64 bytes.
void zeroth_pack(size_t m, size_t k, const float *_Nonnull x, size_t ldx, float *_Nonnull packed);
/// What is done with each element of a layer's result.
enum zeroth_activation {
  zeroth_identity = 0,
  zeroth_relu,
  zeroth_gelu,
  zeroth_gelu_tanh,
  zeroth_silu
};
/// X[:, first ..< first + k], of a packed X with `columns` columns, and W, n x k as it is stored, its rows ldw floats
/// apart; `first` is a multiple of 16. `beyond` more rows of W follow those that are multiplied, and may be next.
struct zeroth_factors {
  const float *_Nullable packed;
  size_t columns, first, k;
  const float *_Nullable w;
  size_t ldw, beyond;
};
/// What is added to the rows of a product: row (before + i) / shared of `rows`, which lie `stride` floats apart, to
/// row i; nothing without rows.
struct zeroth_bias {
  const float *_Nullable rows;
  size_t stride, shared, before;
};
/// Where a result goes: to `rows`, which lie `stride` floats apart; or, packed for a product that follows, to the columns
/// from `first` on of the packed matrix with `columns` columns. `first` is a multiple of 16, and so is the number of the
/// result's columns unless they are the last. It takes the place of what stands there or is added to it.
struct zeroth_result {
  float *_Nullable rows;
  size_t stride;
  float *_Nullable packed;
  size_t columns, first;
  bool is_added;
};
/// Y (m x n) = f([Y +] X W^T + thin X thin W^T + bias). The thin W is of few columns, its rows go on with zeros to a multiple
/// of 16 floats and its X is packed whole; k = 0 stands for none.
void zeroth_multiply_packed(size_t m, size_t n, struct zeroth_factors factors, struct zeroth_factors thin,
                            struct zeroth_bias bias, enum zeroth_activation f, struct zeroth_result y);
/// The same on a chosen instruction set, for tests.
size_t zeroth_packed_count_on(int isa, size_t m, size_t k);
void zeroth_pack_on(int isa, size_t m, size_t k, const float *_Nonnull x, size_t ldx, float *_Nonnull packed);
void zeroth_multiply_packed_on(int isa, size_t m, size_t n, struct zeroth_factors factors, struct zeroth_factors thin,
                               struct zeroth_bias bias, enum zeroth_activation f, struct zeroth_result y);

// ---- Layers (row-major, fp32) --------------------------------------------------------------------------------------

/// out = (x - mean) / sqrt(variance + eps) * gain + bias, for each of m rows of n; gain and bias may be NULL.
void zeroth_layer_norm(size_t m, size_t n, float eps, const float *_Nullable gain, const float *_Nullable bias,
                       const float *_Nonnull x, float *_Nonnull out);
/// out = x / sqrt(mean(x^2) + eps) * gain, for each of m rows of n.
void zeroth_rms_norm(size_t m, size_t n, float eps, const float *_Nullable gain, const float *_Nonnull x,
                     float *_Nonnull out);
/// What a norm without gain and bias does to differences v of its rows x: r (v - mean(v) - n mean(v n)), where n = r (x -
/// mean(x)) is the normed row; without `centered` the means of v and x are left out (RMS norm). It is its own transpose. m
/// rows of n; `out` may be `v`.
void zeroth_norm_derivative(bool centered, size_t m, size_t n, float eps, const float *_Nonnull x,
                            const float *_Nonnull v, float *_Nonnull out);
/// x = f(x), for m rows of n with leading dimension ldx.
void zeroth_activate(enum zeroth_activation f, size_t m, size_t n, float *_Nonnull x, size_t ldx);
/// s *= f'(x), for n numbers.
void zeroth_multiply_slope(enum zeroth_activation f, size_t n, const float *_Nonnull x, float *_Nonnull s);
/// x *= y, elementwise.
void zeroth_multiply(size_t n, const float *_Nonnull y, float *_Nonnull x);
/// Rotary embedding of one head: (x1, x2) -> (x1 cos - x2 sin, x2 cos + x1 sin) for the halves x1, x2 of n floats; `back` is
/// its transpose, by the opposite angles.
void zeroth_rotate(bool back, size_t n, const float *_Nonnull cosines, const float *_Nonnull sines, float *_Nonnull x);
/// x = cap tanh(scale x / cap), for n floats.
void zeroth_soft_cap(size_t n, float scale, float cap, float *_Nonnull x);
/// x = scale exp(x - shift), for n floats.
void zeroth_exponentiate(size_t n, float shift, float scale, float *_Nonnull x);
/// Attention of one head over `rows` queries, which see `prefix` keys and then those of the `rows`, all of them or, if
/// `causal`, up to their own, and of these the last `window` alone unless it is 0: out = softmax(scale Q K^T) V. With
/// `cap` above 0 the scores are cap tanh(scale Q K^T / cap). Leading dimensions in floats: of q, and of k and v. A window
/// needs `causal`. Scratch for scores holds rows_at_once x (prefix + rows).
struct zeroth_attention_shape {
  bool causal;
  size_t window, rows, prefix, head, ldq, ldkv, rows_at_once;
  float scale, cap;
};
/// The queries, keys and values of a head, or what belongs to them one by one.
struct zeroth_heads {
  float *_Nonnull q;
  float *_Nonnull k, *_Nonnull v;
  float *_Nullable prefix_k, *_Nullable prefix_v;
};
/// The result takes the place of q.
void zeroth_attention(struct zeroth_attention_shape shape, struct zeroth_heads x, float *_Nonnull scores);
/// The same, and its derivative along the tangents t of q, k and v, in place of that of q. Three times the scratch.
void zeroth_attention_tangent(struct zeroth_attention_shape shape, struct zeroth_heads x, struct zeroth_heads t,
                              float *_Nonnull scores);
/// What the adjoint d.q of the result is for q, in its place; what it is for k and v is added to d.k and d.v. x are the
/// values before `zeroth_attention`, and stay. Three times the scratch.
void zeroth_attention_adjoint(struct zeroth_attention_shape shape, struct zeroth_heads x, struct zeroth_heads d,
                              float *_Nonnull scores);
/// Takes n more floats of each of m rows into its state of 32 floats: the largest of each of 16 lanes, and the sums of
/// exp(x - largest). A state begins as 16 times -FLT_MAX and 16 zeros.
void zeroth_log_sum_add(size_t m, size_t n, const float *_Nonnull x, size_t ldx, float *_Nonnull state);
/// The largest of the floats that a state has seen, and the sum of exp(x - largest); NaN where a NaN is among them.
void zeroth_log_sum_parts(const float *_Nonnull state, float *_Nonnull largest, double *_Nonnull sum);
/// Takes n more floats of a row, and their tangents t, into its state of 48 floats: 32 as above and 16 zeros behind them.
void zeroth_log_sum_add_tangent(size_t n, const float *_Nonnull x, const float *_Nonnull t, float *_Nonnull state);
/// The mean of the tangents under the softmax of the floats that a state of 48 has seen.
double zeroth_log_sum_mean(const float *_Nonnull state);

// ---- Statistics --------------------------------------------------------------------------------------------------

/// The x below which Student's t of so many degrees of freedom (above 0) stays with probability p, in 0 to 1.
double zeroth_t_quantile(double p, double degrees);

// ---- Processes ---------------------------------------------------------------------------------------------------

/// Lets the system send SIGTERM to this process when process `parent`, which started it, ends, however it ends. Returns 0
/// where it has ended already.
int zeroth_end_with_parent(int parent);

/// A pipe that no program inherits which is started later: the end to read from, then the one to write to. 0, or -1 with errno.
int zeroth_make_pipe(int *_Nonnull ends);

/// Starts `arguments[0]`, which is looked for along PATH unless it has a slash, in `folder`, with the descriptors `in`, `out` and
/// `err` as its standard input, output and error, and no others. It gets SIGTERM when the calling thread ends, and does not hear
/// SIGINT. Both lists end with NULL. Returns the number of the process, or minus an errno.
int zeroth_start_program(char *_Nullable const *_Nonnull arguments, char *_Nullable const *_Nonnull environment,
                         const char *_Nonnull folder, int in, int out, int err);

#ifdef __cplusplus
}
#endif
