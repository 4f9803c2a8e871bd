//===- Vectors.h - Sixteen bytes at a time --------------------------------===//
// What TileRows.cpp and SwizzleRows.cpp move rows with, in GCC's and Clang's
// vector types: any machine with 16-byte registers runs it.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace mm1 {

using Quad = uint32_t __attribute__((vector_size(16)));
using Octet = uint16_t __attribute__((vector_size(16)));
using Bytes16 = uint8_t __attribute__((vector_size(16)));

template <typename Vector> Vector load(const std::byte *from) {
  Vector value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}
template <typename Vector> void store(std::byte *to, Vector value) {
  std::memcpy(to, &value, sizeof(value));
}

/// rows[i][j] becomes rows[j][i].
inline void transpose(Quad (&rows)[4]) {
  auto [a, b, c, d] = rows;
  Quad ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5),
       ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7),
       cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5),
       cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  rows[0] = __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5);
  rows[1] = __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7);
  rows[2] = __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5);
  rows[3] = __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
}

} // namespace mm1
