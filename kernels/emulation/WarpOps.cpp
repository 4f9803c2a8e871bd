//===- WarpOps.cpp - What the operations of a warp compute ----------------===//
#include "kernels/emulation/WarpOps.h"

#include <cmath>
#include <cstdint>
#include <cstring>

using namespace mm1::emulation;

static constexpr int kLanes = 32;

const char *mm1::emulation::nameOf(WarpOp op) {
  switch (op) {
  case WarpOp::Sync:
    return "sync_warp";
  case WarpOp::Shuffle:
    return "shuffle";
  case WarpOp::ShuffleXor:
    return "shuffle_xor";
  case WarpOp::Sum:
    return "warp_sum";
  case WarpOp::Max:
    return "warp_max";
  case WarpOp::Ballot:
    return "ballot";
  case WarpOp::LoadMatrix:
    return "ldmatrix";
  case WarpOp::MoveMatrix:
    return "movmatrix";
  case WarpOp::MultiplyBf16:
    return "mma_bf16";
  }
  return "a word";
}

//===--------------------------------- Words --------------------------------===//

static void shuffle(void *const *values, const int *arguments, bool isXor) {
  uint32_t given[kLanes];
  for (int lane = 0; lane < kLanes; ++lane)
    std::memcpy(&given[lane], values[lane], 4);
  for (int lane = 0; lane < kLanes; ++lane) {
    int from = (isXor ? lane ^ arguments[lane] : arguments[lane]) & 31;
    std::memcpy(values[lane], &given[from], 4);
  }
}

/// Both partners of a step add the same two numbers, so all lanes end with the
/// bits of lane 0, and half of the lanes do for the next step.
template <typename Combine>
static void reduce(void *const *values, int count, Combine combine) {
  for (int i = 0; i < count; ++i) {
    float x[kLanes];
    for (int lane = 0; lane < kLanes; ++lane)
      x[lane] = static_cast<const float *>(values[lane])[i];
    for (int distance = kLanes / 2; distance; distance /= 2)
      for (int lane = 0; lane < distance; ++lane)
        x[lane] = combine(x[lane], x[lane + distance]);
    for (int lane = 0; lane < kLanes; ++lane)
      static_cast<float *>(values[lane])[i] = x[0];
  }
}

static void ballot(void *const *values) {
  uint32_t lanes = 0, word;
  for (int lane = 0; lane < kLanes; ++lane) {
    std::memcpy(&word, values[lane], 4);
    lanes |= uint32_t(word != 0) << lane;
  }
  for (int lane = 0; lane < kLanes; ++lane)
    std::memcpy(values[lane], &lanes, 4);
}

//===-------------------------------- Matrices ------------------------------===//
// Of an 8 x 8 matrix of 16-bit elements lane l holds row l / 4, columns
// 2 (l % 4) and the one behind, as the halves of a word.

using Matrix8 = uint16_t[8][8];

static uint32_t fragment(const Matrix8 &m, int lane, bool isTransposed) {
  int i = lane / 4, j = lane % 4 * 2;
  uint32_t low = isTransposed ? m[j][i] : m[i][j],
           high = isTransposed ? m[j + 1][i] : m[i][j + 1];
  return low | high << 16;
}

/// Lanes 8 i .. 8 i + 7 give the addresses of the rows of matrix i.
static void loadMatrix(void *const *values, int count) {
  bool isTransposed = count < 0;
  for (int i = 0; i < std::abs(count); ++i) {
    Matrix8 m;
    for (int row = 0; row < 8; ++row)
      std::memcpy(
          m[row],
          static_cast<const LoadMatrixOperand *>(values[8 * i + row])->row, 16);
    for (int lane = 0; lane < kLanes; ++lane)
      static_cast<const LoadMatrixOperand *>(values[lane])->words[i] =
          fragment(m, lane, isTransposed);
  }
}

static void moveMatrix(void *const *values) {
  Matrix8 m;
  for (int lane = 0; lane < kLanes; ++lane)
    std::memcpy(&m[lane / 4][lane % 4 * 2], values[lane], 4);
  for (int lane = 0; lane < kLanes; ++lane) {
    uint32_t word = fragment(m, lane, true);
    std::memcpy(values[lane], &word, 4);
  }
}

static float lowHalf(uint32_t word) {
  word <<= 16;
  float x;
  std::memcpy(&x, &word, 4);
  return x;
}
static float highHalf(uint32_t word) { return lowHalf(word >> 16); }

float mm1::emulation::cutToFloat(double x) {
  float nearest = float(x);
  return std::fabs(double(nearest)) > std::fabs(x) && std::isfinite(x)
             ? std::nextafter(nearest, 0.0f)
             : nearest;
}

/// Products of bf16 are exact in double, and what tensor cores add at once (16
/// of them and the old sum) is cut, not rounded: so are these.
static void multiplyBf16(void *const *values) {
  double a[16][16], b[16][8], d[16][8];
  auto operand = [&](int lane) {
    return static_cast<const MultiplyOperand *>(values[lane]);
  };
  for (int lane = 0; lane < kLanes; ++lane) {
    int row = lane / 4, column = lane % 4 * 2;
    for (int i = 0; i < 4; ++i) {
      uint32_t word = operand(lane)->a[i];
      double *at = &a[row + i % 2 * 8][column + i / 2 * 8];
      at[0] = lowHalf(word);
      at[1] = highHalf(word);
      d[row + i / 2 * 8][column + i % 2] = operand(lane)->d[i];
    }
    for (int i = 0; i < 2; ++i) {
      uint32_t word = operand(lane)->b[i];
      b[column + i * 8][row] = lowHalf(word);
      b[column + i * 8 + 1][row] = highHalf(word);
    }
  }
  for (int row = 0; row < 16; ++row)
    for (int column = 0; column < 8; ++column) {
      double sum = d[row][column];
      for (int k = 0; k < 16; ++k)
        sum += a[row][k] * b[k][column];
      d[row][column] = cutToFloat(sum);
    }
  for (int lane = 0; lane < kLanes; ++lane)
    for (int i = 0; i < 4; ++i)
      operand(lane)->d[i] =
          float(d[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2]);
}

void mm1::emulation::runWarpOp(WarpOp op, void *const *values,
                               const int *arguments) {
  switch (op) {
  case WarpOp::Sync:
    return;
  case WarpOp::Shuffle:
    return shuffle(values, arguments, false);
  case WarpOp::ShuffleXor:
    return shuffle(values, arguments, true);
  case WarpOp::Sum:
    return reduce(values, arguments[0], [](float a, float b) { return a + b; });
  case WarpOp::Max:
    return reduce(values, 1, [](float a, float b) { return a < b ? b : a; });
  case WarpOp::Ballot:
    return ballot(values);
  case WarpOp::LoadMatrix:
    return loadMatrix(values, arguments[0]);
  case WarpOp::MoveMatrix:
    return moveMatrix(values);
  case WarpOp::MultiplyBf16:
    return multiplyBf16(values);
  }
}
