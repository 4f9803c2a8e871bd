//===- RecipeMath.h - The numbers behind the steps of a weight's recipe ---===//
// What a recipe (dialects/MM1/MM1Attributes.td) does to numbers, on plain
// memory: the reference evaluator and the packer both call it, so that they
// cannot disagree. Generated weights are in ModelConfig.h (lightningSlopes,
// ropeFrequencies).
//
//   std::vector<float> row(in);
//   toFloat(ElementType::BF16, bytes, row);
//   float scale = int8RowScale(row);       // max|w| / 127
//   quantizeInt8Row(row, scale, integers); // round(w / scale), half to even
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/ElementType.h"

#include <cstddef>
#include <span>

namespace mm1 {

/// Widens stored BF16 or F32 elements, in any byte alignment; `out` has as many
/// elements as `bytes` holds.
void toFloat(ElementType type, std::span<const std::byte> bytes,
             std::span<float> out);

/// The scale of one output row of a matrix in scheme int8_rows: max|w| / 127 in
/// float, 0 for a row of zeros (or one so small that the quotient is 0). Not
/// finite when some w is not: such a row cannot be quantised, refuse it.
float int8RowScale(std::span<const float> row);

/// The integers that belong to it: w / scale in float, rounded half to even,
/// within -127..127; all 0 when `scale` is 0. `scale` must be finite.
void quantizeInt8Row(std::span<const float> row, float scale,
                     std::span<int8_t> out);

} // namespace mm1
