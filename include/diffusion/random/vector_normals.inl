// SPDX-License-Identifier: MIT
// Runs of normals for registers of DIFFUSION_BYTES: Philox in the lanes of 64 bits, four registers at a time, and what
// box_muller.inl makes of its words.
//
// Not to be included by users. vector_normals.hpp compiles it for each instruction set.

#include "box_muller.inl"

/// The numbers of 32 bits in a register.
inline constexpr std::size_t lanes = DIFFUSION_BYTES / 4;

/// x y of the low halves of the lanes; y has no high half.
DIFFUSION_INLINE OneU64 multiply(OneU64 x, std::uint64_t y) {
  const OneU64 factor = OneU64{} + y;
#ifdef __aarch64__
  typedef std::uint32_t Half __attribute__((vector_size(8)));
  const Half low = __builtin_convertvector(x, Half), low_factor = __builtin_convertvector(factor, Half);
  OneU64 product;
  asm("umull %0.2d, %1.2s, %2.2s" : "=w"(product) : "w"(low), "w"(low_factor));
  return product;
#elif DIFFUSION_BYTES > 16 || defined(__AVX__)
  OneU64 product;
  asm("vpmuludq {%2, %1, %0|%0, %1, %2}"
      : "=" DIFFUSION_REGISTER(product)
      : DIFFUSION_REGISTER(x), DIFFUSION_REGISTER(factor));
  return product;
#else
  asm("pmuludq {%1, %0|%0, %1}" : "+x"(x) : "x"(factor));
  return x;
#endif
}
DIFFUSION_INLINE U64 multiply(U64 x, std::uint64_t y) {
  return {multiply(x.a, y), multiply(x.b, y), multiply(x.c, y), multiply(x.d, y)};
}

/// What all blocks of a run share: the keys of the rounds.
struct Keys {
  std::uint64_t stream;
  std::uint64_t key[10][2];

  DIFFUSION_INLINE explicit Keys(const Rows& rows) : stream(rows.stream) {
    for (std::uint32_t round = 0; round < 10; ++round) {
      key[round][0] = static_cast<std::uint32_t>(rows.seed) + round * 0x9E3779B9u;
      key[round][1] = static_cast<std::uint32_t>(rows.seed >> 32) + round * 0xBB67AE85u;
    }
  }
};

/// The four words of a block for each lane, in the low half; the high halves are of no account.
struct Words {
  U64 word[4];
};

/// philox4x32 of the blocks with these indices and steps.
DIFFUSION_INLINE Words philox(U64 index, U64 step, Keys& keys) {
  asm("" : "+m"(keys));  // more than there are registers: read from memory where they are used, not copied before
  U64 c0 = index, c1 = index >> 32, c2 = step, c3 = U64{} + keys.stream;
  DIFFUSION_UNROLL
  for (int round = 0; round < 10; ++round) {
    const U64 p0 = multiply(c0, 0xD2511F53u), p1 = multiply(c2, 0xCD9E8D57u);
    c0 = (p1 >> 32) ^ c1 ^ keys.key[round][0];
    c1 = p1;
    c2 = (p0 >> 32) ^ c3 ^ keys.key[round][1];
    c3 = p0;
  }
  return {{c0, c1, c2, c3}};
}

/// 0, stride, 2 stride, ... in the lanes of 64 bits.
DIFFUSION_INLINE OneU64 counted(std::uint64_t stride) {
  OneU64 numbers{};
  for (std::size_t i = 0; i < lanes / 2; ++i) numbers[i] = i * stride;
  return numbers;
}

/// The blocks of the lanes, counted from the start of a row, and their steps: they go through rows, `count` blocks at a
/// time.
struct Place {
  U64 block, step;
  std::uint64_t row, blocks_on, rows_on;

  DIFFUSION_INLINE Place(const Rows& rows, U64 first, std::uint64_t count)
      : block(first),
        step(U64{} + std::uint64_t(rows.step)),
        row(4 * rows.groups),
        blocks_on(count % row),
        rows_on(count / row) {
    for (std::uint64_t k = 0; k < rows_on; ++k) wrap();
  }
  /// Where a row has ended, on to the next.
  DIFFUSION_INLINE void wrap() {
    const U64 beyond = ((block - row) >> 63) - std::uint64_t(1);  // all ones there, else zero
    block = block - (beyond & row);
    step = step - beyond;
  }
  DIFFUSION_INLINE void advance() {
    block = block + blocks_on;
    step = step + rows_on;
    wrap();
  }
};

/// The low halves of x, and between them those of y.
DIFFUSION_INLINE OneU32 joined(OneU64 x, OneU64 y) {
  return reinterpret_cast<OneU32>((x & std::uint64_t(0xffffffff)) | (y << 32));
}
DIFFUSION_INLINE U32 joined(U64 x, U64 y) {
  return {joined(x.a, x.b), joined(y.a, y.b), joined(x.c, x.d), joined(y.c, y.d)};
}

/// Writes bytes 16 j, ... of a register.
template <class V, class T>
DIFFUSION_INLINE void store_part(V value, std::size_t offset, std::size_t bytes, T* out) {
  __builtin_memcpy(out, reinterpret_cast<const char*>(&value) + offset, bytes);
}

/// The groups of two normals of each of the two blocks of lanes.
DIFFUSION_INLINE void store_groups(OneF32 a, OneF32 b, OneF32 c, OneF32 d, float* out) {
  for (std::size_t j = 0; j < lanes / 4; ++j, out += 16) {
    store_part(a, 16 * j, 16, out);
    store_part(b, 16 * j, 16, out + 4);
    store_part(c, 16 * j, 16, out + 8);
    store_part(d, 16 * j, 16, out + 12);
  }
}

/// The normals of two blocks a lane: of `batches` times lanes / 2 groups.
inline void normals(const Rows& rows, std::size_t batches, float* out) {
  Keys keys(rows);
  const OneU64 even = counted(2);
  Place at(rows, {even, even + 1, even + lanes, even + (lanes + 1)}, 2 * lanes);
  for (; batches > 0; --batches, at.advance(), out += 8 * lanes) {
    const Words w = philox(at.block + 4 * rows.group, at.step, keys);
    const Pair<F32> n = box_muller(joined(w.word[0], w.word[2]), joined(w.word[1], w.word[3]));
    store_groups(n.first.a, n.second.a, n.first.b, n.second.b, out);
    store_groups(n.first.c, n.second.c, n.first.d, n.second.d, out + 4 * lanes);
  }
}

/// The normals of the blocks of one register, from `block` on.
DIFFUSION_INLINE void store_blocks(OneF64 first, OneF64 second, std::size_t block, double* out) {
  constexpr std::size_t half = lanes / 2, part = half < 4 ? half : 4;
  for (std::size_t j = 0; j < half; j += part) {
    double* const to = out + 8 * ((block + j) / 4) + (block + j) % 4;
    store_part(first, 8 * j, 8 * part, to);
    store_part(second, 8 * j, 8 * part, to + 4);
  }
}

inline void normals(const Rows& rows, std::size_t batches, double* out) {
  constexpr std::uint64_t half = lanes / 2;
  Keys keys(rows);
  const OneU64 first = counted(1);
  Place at(rows, {first, first + half, first + 2 * half, first + 3 * half}, 4 * half);
  for (; batches > 0; --batches, at.advance(), out += 4 * lanes) {
    const Words w = philox(at.block + 4 * rows.group, at.step, keys);
    const Pair<F64> n = box_muller((w.word[0] & std::uint64_t(0xffffffff)) | (w.word[1] << 32),
                                   (w.word[2] & std::uint64_t(0xffffffff)) | (w.word[3] << 32));
    store_blocks(n.first.a, n.second.a, 0, out);
    store_blocks(n.first.b, n.second.b, half, out);
    store_blocks(n.first.c, n.second.c, 2 * half, out);
    store_blocks(n.first.d, n.second.d, 3 * half, out);
  }
}
