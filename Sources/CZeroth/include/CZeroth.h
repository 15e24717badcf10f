// The C part of Zeroth: random streams (GSL, Philox), vector kernels, BLAS calls and a thread pool. Nothing of GSL or
// OpenBLAS appears in this header, because their headers cannot be imported together.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- Memory ------------------------------------------------------------------------------------------------------

/// Ends the process with status 2. Before that it prints one line on standard error, which says that there is no memory
/// for `purpose`.
__attribute__((noreturn)) void zeroth_end_without_memory(const char *_Nonnull purpose);

/// Allocates `bytes` of zeroed memory, aligned to 64 bytes; large memory is aligned to huge pages. NULL if there is
/// none.
void *_Nullable zeroth_allocate(size_t bytes);
/// Frees memory of `zeroth_allocate`.
void zeroth_deallocate(void *_Nullable memory, size_t bytes);

/// Takes `bytes` of temporary memory, aligned to 64 bytes, from a stack that each thread has and keeps. The memory that
/// was taken last must be returned first, by the same thread and with the same `bytes`. NULL if there is none.
void *_Nullable zeroth_scratch_take(size_t bytes);
void zeroth_scratch_return(void *_Nonnull memory, size_t bytes);

/// Reads `bytes` bytes once, as fast as memory delivers them. Returns their sum in words of 8 bytes. The last bytes are
/// left out if they do not fill 256.
uint64_t zeroth_read_bytes(const void *_Nonnull memory, size_t bytes);

/// Reserves `bytes` of address space. A page takes memory only when it is first touched. If `huge` is not 0, pages are
/// huge; this suits memory of which all but the end is touched. NULL if the address space cannot be had.
void *_Nullable zeroth_reserve(size_t bytes, int huge);
void zeroth_release(void *_Nonnull memory, size_t bytes);

// ---- Threads -----------------------------------------------------------------------------------------------------

/// Sets the number of threads that `zeroth_parallel` uses, the caller included. OpenBLAS itself always uses one.
void zeroth_set_threads(int threads);
/// The number of threads that `zeroth_parallel` uses for the calling thread.
int zeroth_threads(void);
/// Gives the calling thread its own number of threads; 0 stands for the number of the process. Returns the previous
/// one.
int zeroth_set_own_threads(int threads);
/// The loops of more than one index that a thread ran while it held the pool.
struct zeroth_loops {
  long loops;
  /// The number of loops that ran on fewer threads than `zeroth_threads()` and their number of indices allow.
  long narrow;
};
/// Waits until the pool is free and then holds it for the calling thread. While it is held, no loop of another thread
/// gets it, and every thread takes part in each loop of the holder. Calls nest.
void zeroth_take_pool(void);
/// Ends `zeroth_take_pool`. Returns the loops since the outermost call of it.
struct zeroth_loops zeroth_return_pool(void);
/// Calls `body(context, i, worker)` for every i in 0..<count, each once, on any thread. At most `limit` threads take
/// part. Calls that run at the same time have different numbers `worker` < `zeroth_threads()`. All calls run on the
/// calling thread alone when it is inside a loop already, or when another caller holds the pool.
void zeroth_parallel(int count, int limit, void *_Nullable context, void (*_Nonnull body)(void *_Nullable, int, int));

// ---- Random streams ----------------------------------------------------------------------------------------------

/// Philox4x32-10 of one counter block (Salmon et al. 2011), as Random123 computes it.
void zeroth_philox4x32(const uint32_t counter[_Nonnull 4], uint64_t key, uint32_t out[_Nonnull 4]);

/// The number of generators. Number 0 is `philox4x32`. The others are those of GSL, without three that have too few
/// seeds.
int zeroth_generator_count(void);
const char *_Nonnull zeroth_generator_name(int generator);

/// A sequential stream: a `gsl_rng` that GSL's distributions draw from.
typedef struct zeroth_stream zeroth_stream;
/// A stream at its start. Philox uses all 64 bits of the key. GSL's own generators get a hash of the key with 32 bits.
zeroth_stream *_Nullable zeroth_stream_make(int generator, uint64_t key);
void zeroth_stream_free(zeroth_stream *_Nullable stream);
/// 32 random bits. A GSL generator with a smaller range makes them from several draws.
uint32_t zeroth_stream_bits(zeroth_stream *_Nonnull stream);
/// A number uniform on [0, 1).
double zeroth_stream_uniform(zeroth_stream *_Nonnull stream);
/// An integer uniform on 0..<n, n <= 2^32 - 1.
uint32_t zeroth_stream_below(zeroth_stream *_Nonnull stream, uint32_t n);
/// A standard normal number, by GSL's ziggurat.
double zeroth_stream_gaussian(zeroth_stream *_Nonnull stream);

/// The distribution of the noise of a direction: standard normal numbers, or signs.
///
/// A sign of Philox is one bit of a word; a set bit means -1. Element n has bit n mod 32 of word floor(n / 32). GSL's
/// own generators draw 32 bits for each sign and use the highest, because the low bits of some (vax, transputer) have
/// short periods.
enum zeroth_distribution { zeroth_gaussian = 0, zeroth_rademacher = 1 };

/// out[i] = (base ? base[i] : 0) + scale * noise[first + i] for i in 0..<count. `generator`, `key` and `distribution`
/// define the sequence noise. Any part of it can be computed by itself. `base` may be `out`. With another base this is
/// `zeroth_displace` along noise that is never stored. The signs of Philox take little more time than reading and
/// writing the floats.
void zeroth_noise(int generator, enum zeroth_distribution distribution, uint64_t key, uint64_t first, size_t count,
                  float scale, const float *_Nullable base, float *_Nonnull out);

/// The instruction sets that the Philox noise can use on this CPU, best first: "avx512", "avx2", "generic".
int zeroth_isa_count(void);
const char *_Nonnull zeroth_isa_name(int isa);
/// Does the same as `zeroth_noise` for Philox on a chosen instruction set. All sets give the same bits.
void zeroth_noise_on(int isa, enum zeroth_distribution distribution, uint64_t key, uint64_t first, size_t count,
                     float scale, const float *_Nullable base, float *_Nonnull out);

/// Turns `groups` groups of 64 random words into normal numbers, on a chosen instruction set. For l < 16, places l and
/// 16 + l of a group get the cosine and the sine numbers of Box and Muller from words l and 16 + l. Places 32 + l and
/// 48 + l get those from words 32 + l and 48 + l.
void zeroth_normals_on(int isa, size_t groups, const uint32_t *_Nonnull words, float *_Nonnull out);

// ---- Storage in fewer bits ---------------------------------------------------------------------------------------

/// The ways in which elements are stored: one by one, or quantised in blocks that share their scales, in the layout of
/// GGML.
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
/// The number of elements of a block of `format`, and its bytes. A format that stores elements one by one has 1
/// element.
size_t zeroth_block_elements(enum zeroth_format format);
size_t zeroth_block_bytes(enum zeroth_format format);
/// y = elements first ... first + n - 1 of those stored from x on. x may be any address. Elements that are stored one
/// by one are converted exactly, and NaNs keep their payload. A quantised element is computed by the products and sums
/// that define it, each rounded to fp32.
void zeroth_widen(enum zeroth_format format, size_t first, size_t n, const void *_Nonnull x, float *_Nonnull y);
/// y[i] = the dot product of v with elements first + i stride ... first + i stride + n - 1 of those stored from x on,
/// for each of m rows. The format has fewer bits than fp32. Elements of a quantised format are whole blocks.
void zeroth_dot_rows(enum zeroth_format format, size_t m, size_t first, size_t stride, size_t n, const void *_Nonnull x,
                     const float *_Nonnull v, float *_Nonnull y);
/// y = x rounded to bfloat16 or float16, up or down at random, so that the mean is x (Croci et al. 2022). Element i
/// uses the random word first + i of `key`. Infinities and NaNs stay what they are. Values beyond float16's range
/// become infinite.
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
/// the sum of products, accumulated in double; the sum of squares if y is x
double zeroth_dot(size_t n, const float *_Nonnull x, const float *_Nonnull y);
/// sum of (x - x0)^2, accumulated in double
double zeroth_sum_of_squared_differences(size_t n, const float *_Nonnull x, const float *_Nonnull x0);
/// W (m x n, leading dimension ldw) += a U V^T, U m x r, vt = V^T r x n
void zeroth_low_rank_add(size_t m, size_t n, size_t r, float a, const float *_Nonnull u, const float *_Nonnull vt,
                         float *_Nonnull w, size_t ldw);

/// The first r columns of C, m rows that lie `width` floats apart, = A, m x r.
void zeroth_put_columns(size_t m, size_t r, const float *_Nonnull a, size_t width, float *_Nonnull c);

/// sigma = the min(m, n) singular values of A, m x n, descending, by LAPACK in double. Returns 0, or LAPACK's error
/// code.
int zeroth_singular_values(size_t m, size_t n, const float *_Nonnull a, double *_Nonnull sigma);

/// ||B V^T||_F^2 = tr(B^T B V^T V) in double, with `left` = B, m x r, and `right` = V^T, r x n
double zeroth_factor_energy(size_t m, size_t n, size_t r, const float *_Nonnull left, const float *_Nonnull right);
/// The matrix of rank at most `most` that is nearest to B V^T, where B is m x r and `right` = V^T is r x n. It is
/// computed in double, by QR of both factors and Jacobi's SVD. The result is a product of two factors, m x k and k x n;
/// each contains the square roots of the singular values. Returns k. `lost` is the squared Frobenius norm of the
/// difference. most <= min(m, n).
size_t zeroth_compress_factors(size_t m, size_t n, size_t r, const float *_Nonnull left, const float *_Nonnull right,
                               size_t most, float *_Nonnull new_left, float *_Nonnull new_right, double *_Nonnull lost);

/// C (m x n, leading dimension ldc) = alpha A op(B) + beta C with A m x k; B is n x k when `transpose_b`, else k x n.
void zeroth_sgemm(bool transpose_b, size_t m, size_t n, size_t k, float alpha, const float *_Nonnull a, size_t lda,
                  const float *_Nonnull b, size_t ldb, float beta, float *_Nonnull c, size_t ldc);
/// C (m x n, leading dimension ldc) = alpha A^T B + beta C with A k x m and B k x n.
void zeroth_sgemm_transposed(size_t m, size_t n, size_t k, float alpha, const float *_Nonnull a, size_t lda,
                             const float *_Nonnull b, size_t ldb, float beta, float *_Nonnull c, size_t ldc);
/// The file that `cblas_sgemm` comes from. It shows whether the function is OpenBLAS's or GSL's.
const char *_Nonnull zeroth_blas_library(void);
/// OpenBLAS's own description of its build and of the kernels that it chose.
const char *_Nonnull zeroth_blas_configuration(void);

// ---- Products with W (row-major, fp32) ---------------------------------------------------------------------------
// Sources/ZerothModels/Layers/Product.swift defines the words tile, block, panel and stage.

/// The number of floats that X (m x k) takes when it is packed.
size_t zeroth_packed_count(size_t m, size_t k);
/// The number of rows of X in a tile. A packed X consists of its tiles, one after the other. The last may have fewer
/// rows.
size_t zeroth_tile_rows(void);
/// Packs X for products: tiles of rows, each column by column, in the order in which the kernel reads them. `packed` is
/// aligned to 64 bytes.
void zeroth_pack(size_t m, size_t k, const float *_Nonnull x, size_t ldx, float *_Nonnull packed);
/// The function f that is applied to each element of a layer's result.
enum zeroth_activation {
  zeroth_identity = 0,
  zeroth_relu,
  zeroth_gelu,
  zeroth_gelu_tanh,
  zeroth_silu
};
/// The two factors of a product: X[:, first ..< first + k] of a packed X with `columns` columns, and W, n x k, with
/// rows that lie ldw floats apart. `first` is a multiple of 16. After the rows of W that are multiplied, `beyond` more
/// rows follow in memory; they may be multiplied next.
struct zeroth_factors {
  const float *_Nullable packed;
  size_t columns, first, k;
  const float *_Nullable w;
  size_t ldw, beyond;
};
/// The bias of a product: row (before + i) / shared of `rows` is added to row i of the product. The rows of `rows` lie
/// `stride` floats apart. NULL stands for no bias.
struct zeroth_bias {
  const float *_Nullable rows;
  size_t stride, shared, before;
};
/// The place of a result. It is written either to `rows`, which lie `stride` floats apart, or packed for a product that
/// follows. A packed result fills the columns from `first` on of a packed matrix with `columns` columns. `first` is a
/// multiple of 16, and so is the number of the result's columns, unless they are the last ones. The result replaces the
/// values there, or is added to them if `is_added`.
struct zeroth_result {
  float *_Nullable rows;
  size_t stride;
  float *_Nullable packed;
  size_t columns, first;
  bool is_added;
};
/// Y (m x n) = f([Y +] X W^T + thin X thin W^T + bias). The thin W has few columns. Its rows are filled up with zeros
/// to a multiple of 16 floats, and its X is packed as a whole. k = 0 stands for no thin product.
void zeroth_multiply_packed(size_t m, size_t n, struct zeroth_factors factors, struct zeroth_factors thin,
                            struct zeroth_bias bias, enum zeroth_activation f, struct zeroth_result y);
/// Do the same on a chosen instruction set, for tests.
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
/// The derivative of a norm without gain and bias at its rows x, applied to differences v of x: r (v - mean(v) - n
/// mean(v n)). Here r = 1 / sqrt(variance + eps), and n = r (x - mean(x)) is the normed row. Without `centered` (RMS
/// norm) the means of v and x are left out. The derivative is its own transpose. There are m rows of n floats; `out`
/// may be `v`.
void zeroth_norm_derivative(bool centered, size_t m, size_t n, float eps, const float *_Nonnull x,
                            const float *_Nonnull v, float *_Nonnull out);
/// x = f(x), for m rows of n floats with leading dimension ldx.
void zeroth_activate(enum zeroth_activation f, size_t m, size_t n, float *_Nonnull x, size_t ldx);
/// s *= f'(x), for n floats.
void zeroth_multiply_slope(enum zeroth_activation f, size_t n, const float *_Nonnull x, float *_Nonnull s);
/// x *= y, element by element.
void zeroth_multiply(size_t n, const float *_Nonnull y, float *_Nonnull x);
/// The rotary embedding of one head: (x1, x2) -> (x1 cos - x2 sin, x2 cos + x1 sin) for the halves x1 and x2 of n
/// floats. `back` gives its transpose, which rotates by the opposite angles.
void zeroth_rotate(bool back, size_t n, const float *_Nonnull cosines, const float *_Nonnull sines, float *_Nonnull x);
/// x = cap tanh(scale x / cap), for n floats.
void zeroth_soft_cap(size_t n, float scale, float cap, float *_Nonnull x);
/// x = scale exp(x - shift), for n floats.
void zeroth_exponentiate(size_t n, float shift, float scale, float *_Nonnull x);
/// The shape of the attention of one head: out = softmax(scale Q K^T) V for `rows` queries. The queries see `prefix`
/// keys, and then the keys of the `rows`: all of them, or only those up to their own if `causal`. If `window` is not 0,
/// only the last `window` of these count; a window needs `causal`. With `cap` above 0 the scores are cap tanh(scale Q
/// K^T / cap). ldq is the leading dimension of q in floats, and ldkv is that of k and v. The scratch memory for scores
/// holds rows_at_once x (prefix + rows) floats.
struct zeroth_attention_shape {
  bool causal;
  size_t window, rows, prefix, head, ldq, ldkv, rows_at_once;
  float scale, cap;
};
/// The queries, keys and values of a head, or their derivatives.
struct zeroth_heads {
  float *_Nonnull q;
  float *_Nonnull k, *_Nonnull v;
  float *_Nullable prefix_k, *_Nullable prefix_v;
};
/// Computes the attention. The result replaces q.
void zeroth_attention(struct zeroth_attention_shape shape, struct zeroth_heads x, float *_Nonnull scores);
/// Computes the attention, and its derivative along the tangents t of q, k and v. The derivative replaces t.q. Needs
/// three times the scratch memory.
void zeroth_attention_tangent(struct zeroth_attention_shape shape, struct zeroth_heads x, struct zeroth_heads t,
                              float *_Nonnull scores);
/// Computes the adjoints of attention. d.q holds the adjoint of the result and becomes the adjoint of q. The adjoints
/// of k and v are added to d.k and d.v. x holds the values before `zeroth_attention` and is not changed. Needs three
/// times the scratch memory.
void zeroth_attention_adjoint(struct zeroth_attention_shape shape, struct zeroth_heads x, struct zeroth_heads d,
                              float *_Nonnull scores);
/// Adds n more floats of each of m rows to the row's state of 32 floats. A state holds the largest float of each of 16
/// lanes, and the sums of exp(x - largest). It begins as 16 times -FLT_MAX and 16 zeros.
void zeroth_log_sum_add(size_t m, size_t n, const float *_Nonnull x, size_t ldx, float *_Nonnull state);
/// The largest float that a state has seen, and the sum of exp(x - largest) over all of them. NaN if one of them is
/// NaN.
void zeroth_log_sum_parts(const float *_Nonnull state, float *_Nonnull largest, double *_Nonnull sum);
/// Adds n more floats of a row, and their tangents t, to a state of 48 floats: the 32 described above and 16 more,
/// which begin as zeros.
void zeroth_log_sum_add_tangent(size_t n, const float *_Nonnull x, const float *_Nonnull t, float *_Nonnull state);
/// The mean of the tangents under the softmax of the floats that a state of 48 floats has seen.
double zeroth_log_sum_mean(const float *_Nonnull state);

// ---- Statistics --------------------------------------------------------------------------------------------------

/// The number below which Student's t with `degrees` degrees of freedom (above 0) lies with probability p, in 0 to 1.
double zeroth_t_quantile(double p, double degrees);

// ---- Processes ---------------------------------------------------------------------------------------------------

/// Makes the system send SIGTERM to this process when its parent process ends, for whatever reason. `parent` is the
/// number of that process. Returns 0 if it has already ended.
int zeroth_end_with_parent(int parent);

/// Makes a pipe that no program started later inherits. ends[0] is the end to read from, ends[1] the end to write to.
/// Returns 0, or -1 with errno.
int zeroth_make_pipe(int *_Nonnull ends);

/// Starts the program `arguments[0]` in `folder`. A name without a slash is searched for along PATH. The descriptors
/// `in`, `out` and `err` become its standard input, output and error; it gets no others. It receives SIGTERM when the
/// calling thread ends, and ignores SIGINT. Both lists end with NULL. Returns the number of the process, or minus an
/// errno.
int zeroth_start_program(char *_Nullable const *_Nonnull arguments, char *_Nullable const *_Nonnull environment,
                         const char *_Nonnull folder, int in, int out, int err);

#ifdef __cplusplus
}
#endif
