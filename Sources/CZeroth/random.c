// GSL's generators and distributions. Philox is registered with them as one more `gsl_rng_type`.
#include "CZeroth.h"
#include "philox.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

// ---- Philox as a gsl_rng_type ----

typedef struct {
  uint64_t key, next;  // next: the number of the next word
  uint32_t words[2 * philox_group];
} philox_state;

static void philox_set_key(philox_state *state, uint64_t key) {
  state->key = key;
  state->next = 0;
}

static void philox_set(void *state, unsigned long seed) { philox_set_key(state, (uint64_t)seed); }

static unsigned long philox_get(void *vstate) {
  philox_state *state = vstate;
  int place = (int)(state->next % (2 * philox_group));
  if (place == 0) zeroth_philox_words(state->key, state->next / (2 * philox_group), state->words);
  state->next++;
  return state->words[place];
}

static double philox_get_double(void *state) { return (double)philox_get(state) * 0x1p-32; }

static const gsl_rng_type philox_type = {"philox4x32", 0xffffffffUL,      0, sizeof(philox_state), philox_set,
                                         philox_get,   philox_get_double};

// ---- Generators by name ----

enum { max_generators = 100 };
static const gsl_rng_type *generators[max_generators];
static int generator_count;

// slatec, uni and zuf have only 8, 16 thousand and 31 thousand seeds. With them, different keys would often give the
// same noise.
static bool has_seeds(const gsl_rng_type *type) {
  return strcmp(type->name, "slatec") != 0 && strcmp(type->name, "uni") != 0 && strcmp(type->name, "zuf") != 0;
}

__attribute__((constructor)) static void list_generators(void) {
  generators[generator_count++] = &philox_type;
  for (const gsl_rng_type **type = gsl_rng_types_setup(); *type != NULL && generator_count < max_generators; type++)
    if (has_seeds(*type)) generators[generator_count++] = *type;
}

int zeroth_generator_count(void) { return generator_count; }
const char *zeroth_generator_name(int generator) { return generators[generator]->name; }

// The seed of a GSL generator: a hash of the key that is never 0. A seed has 32 bits (uni32 treats all above 31 as the
// same), and 0 would mean "the default seed".
static unsigned long seed_of(const gsl_rng_type *type, uint64_t key) {
  key ^= key >> 33, key *= 0xff51afd7ed558ccdULL, key ^= key >> 33, key *= 0xc4ceb9fe1a85ec53ULL, key ^= key >> 33;
  uint32_t seed = (uint32_t)key >> (strcmp(type->name, "uni32") == 0);
  return seed == 0 ? 1 : seed;
}

static void rekey(gsl_rng *rng, uint64_t key) {
  if (rng->type == &philox_type)
    philox_set_key(rng->state, key);
  else
    gsl_rng_set(rng, seed_of(rng->type, key));
}

// ---- Sequential streams ----

struct zeroth_stream {
  gsl_rng *rng;
};

// The stream that was freed last. Most streams are made one after another, of the same generator, and for only a few
// numbers, so this one is used again.
static _Atomic(zeroth_stream *) spare;

static void destroy(zeroth_stream *stream) {
  if (stream == NULL) return;
  gsl_rng_free(stream->rng);
  free(stream);
}

zeroth_stream *zeroth_stream_make(int generator, uint64_t key) {
  zeroth_stream *stream = atomic_exchange(&spare, NULL);
  if (stream == NULL || stream->rng->type != generators[generator]) {
    destroy(stream);
    stream = malloc(sizeof *stream);
    if (stream == NULL) return NULL;
    stream->rng = gsl_rng_alloc(generators[generator]);
  }
  rekey(stream->rng, key);
  return stream;
}

void zeroth_stream_free(zeroth_stream *stream) { destroy(atomic_exchange(&spare, stream)); }

uint32_t zeroth_stream_bits(zeroth_stream *stream) {
  const gsl_rng *rng = stream->rng;
  if (rng->type->min == 0 && rng->type->max == 0xffffffffUL) return (uint32_t)gsl_rng_get(rng);
  return (uint32_t)(gsl_rng_uniform(rng) * 65536.0) << 16 | (uint32_t)(gsl_rng_uniform(rng) * 65536.0);
}

double zeroth_stream_uniform(zeroth_stream *stream) { return gsl_rng_uniform(stream->rng); }

uint32_t zeroth_stream_below(zeroth_stream *stream, uint32_t n) {
  // Multiply and shift. The few draws that would favour some values are repeated (Lemire 2019).
  uint64_t product = (uint64_t)zeroth_stream_bits(stream) * n;
  if ((uint32_t)product < n) {
    uint32_t least = -n % n;
    while ((uint32_t)product < least) product = (uint64_t)zeroth_stream_bits(stream) * n;
  }
  return (uint32_t)(product >> 32);
}

double zeroth_stream_gaussian(zeroth_stream *stream) { return gsl_ran_gaussian_ziggurat(stream->rng, 1.0); }

// ---- Noise from GSL's own generators ----

// These generators cannot start in the middle. The sequence therefore consists of chunks, each with its own seed.
enum { chunk = 4096 };

static _Thread_local gsl_rng *noise_rng;

static void gsl_noise(int generator, enum zeroth_distribution distribution, uint64_t key, uint64_t first, size_t count,
                      float scale, const float *base, float *out) {
  if (noise_rng == NULL || noise_rng->type != generators[generator]) {
    if (noise_rng != NULL) gsl_rng_free(noise_rng);
    noise_rng = gsl_rng_alloc(generators[generator]);
  }
  struct zeroth_stream stream = {noise_rng};
  for (size_t i = 0; i < count;) {
    uint64_t number = (first + i) / chunk;
    size_t skip = (size_t)((first + i) % chunk);
    size_t take = chunk - skip < count - i ? chunk - skip : count - i;
    rekey(noise_rng, key + (number + 1) * 0x9e3779b97f4a7c15ULL);
    for (size_t j = 0; j < skip + take; j++) {
      float z;
      if (distribution == zeroth_gaussian)
        z = (float)gsl_ran_gaussian_ziggurat(noise_rng, 1.0);
      else  // the highest bit of a draw, because the low bits of some generators have short periods
        z = zeroth_stream_bits(&stream) >> 31 ? -1.0f : 1.0f;
      if (j >= skip) {
        size_t at = i + j - skip;
        out[at] = (base ? base[at] : 0.0f) + scale * z;
      }
    }
    i += take;
  }
}

void zeroth_noise(int generator, enum zeroth_distribution distribution, uint64_t key, uint64_t first, size_t count,
                  float scale, const float *base, float *out) {
  if (generator == 0)
    zeroth_noise_on(0, distribution, key, first, count, scale, base, out);
  else
    gsl_noise(generator, distribution, key, first, count, scale, base, out);
}
