//===- Reach.cpp - What of its operands each op reads, and what it updates -===//
// The facts that fusion and plan ask for, op by op (MM1Interfaces.td says what
// the words mean). In
//
//   %y = mm1.combine %x, %w : (tensor<?x2x64xbf16>, tensor<?x2xf32>) -> ...
//
// y[t, c] needs x[t, 0..1, c], so x is reached by `choices`, and w[t, 0..1],
// which lies in the same row but not in the same column: `row`.
//===----------------------------------------------------------------------===//
#include "dialects/MM1/MM1.h"

using namespace mlir;
using namespace mlir::mm1;

namespace {

/// The reach of operand `operand` in a list with one entry for each of the
/// first operands; those behind it are weights.
Reach among(unsigned operand, std::initializer_list<Reach> reaches) {
  return operand < reaches.size() ? reaches.begin()[operand] : Reach::Fixed;
}

int64_t dimSize(Value value, int64_t dim) {
  return cast<RankedTensorType>(value.getType()).getDimSize(dim);
}

} // namespace

//===---------------------------------- Reach ---------------------------------===//

Reach EmbeddingOp::getReach(unsigned operand) {
  return among(operand, {Reach::Row, Reach::Fixed});
}
int64_t EmbeddingOp::getMostRead(unsigned operand, int64_t tokens) {
  return operand == 0 ? tokens : std::min(dimSize(getTable(), 0), tokens);
}
Reach GatherRowsOp::getReach(unsigned operand) {
  return among(operand, {Reach::Batch, Reach::Row});
}

Reach RMSNormOp::getReach(unsigned operand) {
  return among(operand, {Reach::Row});
}
Reach SumSquaresOp::getReach(unsigned) { return Reach::Row; }
Reach NormRowsOp::getReach(unsigned operand) {
  return among(operand, {Reach::Place, Reach::Row});
}
Reach ScaleColumnsOp::getReach(unsigned operand) {
  return among(operand, {Reach::Place});
}

Reach ResidualOp::getReach(unsigned) { return Reach::Place; }
Reach SiluOp::getReach(unsigned) { return Reach::Place; }
Reach MulOp::getReach(unsigned) { return Reach::Place; }
Reach SigmoidGateOp::getReach(unsigned) { return Reach::Place; }
Reach BlendOp::getReach(unsigned operand) {
  return among(operand, {Reach::Row, Reach::Place, Reach::Place});
}
Reach CombineOp::getReach(unsigned operand) {
  return among(operand, {Reach::Choices, Reach::Row});
}

Reach LinearOp::getReach(unsigned operand) {
  return among(operand, {Reach::Row});
}
Reach ExpertLinearOp::getReach(unsigned operand) {
  if (operand < 2)
    return Reach::Row;
  return getOrder() && operand < 4 ? Reach::Batch : Reach::Fixed;
}
int64_t ExpertLinearOp::getMostRead(unsigned operand, int64_t tokens) {
  auto type = cast<RankedTensorType>(getOperand(operand).getType());
  if (type.isDynamicDim(0))
    return tokens;
  bool isOfExperts = getReach(operand) == Reach::Fixed;
  return isOfExperts ? std::min(type.getDimSize(0), tokens * getNumChoices())
                     : type.getDimSize(0);
}

// A token's output depends on the tokens before it.
Reach LightningAttentionOp::getReach(unsigned operand) {
  return among(operand, {Reach::Batch, Reach::Fixed, Reach::State, Reach::Batch,
                         Reach::Batch, Reach::Batch});
}

Reach RopeAnglesOp::getReach(unsigned operand) {
  return among(operand, {Reach::Row, Reach::Fixed});
}
Reach RopeOp::getReach(unsigned) { return Reach::Row; }
Reach CacheAppendOp::getReach(unsigned operand) {
  return among(operand, {Reach::Row, Reach::Row, Reach::State, Reach::Batch,
                         Reach::Batch, Reach::Row, Reach::Batch});
}
Reach SoftmaxAttentionOp::getReach(unsigned operand) {
  return among(operand, {Reach::Row, Reach::State, Reach::Batch, Reach::Batch,
                         Reach::Row, Reach::Batch});
}
Reach AttentionPartialsOp::getReach(unsigned operand) {
  return among(operand, {Reach::Row, Reach::State, Reach::Batch, Reach::Batch,
                         Reach::Row, Reach::Batch});
}
Reach MergePartialsOp::getReach(unsigned operand) {
  return among(operand, {Reach::Row, Reach::Choices});
}

Reach RouterOp::getReach(unsigned) { return Reach::Row; }
Reach GroupTokensOp::getReach(unsigned) { return Reach::Batch; }
Reach TopCandidatesOp::getReach(unsigned operand) {
  return among(operand, {Reach::Row, Reach::Fixed, Reach::Row, Reach::Row});
}

Reach AllReduceOp::getReach(unsigned) { return Reach::Place; }
Reach AllGatherOp::getReach(unsigned) { return Reach::Row; }

//===------------------------------ Linear in rows ----------------------------===//

bool NormRowsOp::isRowLinearIn(unsigned operand) { return operand == 0; }
bool ScaleColumnsOp::isRowLinearIn(unsigned operand) { return operand == 0; }
bool MulOp::isRowLinearIn(unsigned) { return true; }
bool SigmoidGateOp::isRowLinearIn(unsigned operand) { return operand == 0; }
bool CombineOp::isRowLinearIn(unsigned operand) { return operand == 0; }
bool LinearOp::isRowLinearIn(unsigned operand) { return operand == 0; }
bool ExpertLinearOp::isRowLinearIn(unsigned operand) { return operand == 0; }

//===---------------------------------- Heads ---------------------------------===//

int64_t LightningAttentionOp::getRowParts() { return getHeads(); }
int64_t CacheAppendOp::getRowParts() { return dimSize(getCache(), 2); }
int64_t SoftmaxAttentionOp::getRowParts() { return dimSize(getCache(), 2); }
int64_t AttentionPartialsOp::getRowParts() { return dimSize(getCache(), 2); }
int64_t AttentionPartialsOp::getReadParts() { return getNumSpans(); }
int64_t MergePartialsOp::getRowParts() { return getHeads(); }

//===---------------------------------- State ---------------------------------===//

SmallVector<StateUpdate> LightningAttentionOp::getStateUpdates() {
  return {{getStateMutable().getOperandNumber(),
           cast<OpResult>(getNextState()).getResultNumber()}};
}
SmallVector<StateUpdate> CacheAppendOp::getStateUpdates() {
  return {{getCacheMutable().getOperandNumber(),
           cast<OpResult>(getNextCache()).getResultNumber()}};
}
