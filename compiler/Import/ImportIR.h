//===- ImportIR.h - From a checkpoint to a module of the mm1 dialect ------===//
// The import phase: builds the network that config.json describes, with a
// recipe for every weight. Only names, shapes and types are read, never the
// weights themselves.
//
//   auto checkpoint = ::mm1::Checkpoint::openMetadata(folder, *config);
//   auto module = importModel(context, *checkpoint, {ComputeType::BF16});
//
// gives
//
//   module attributes {mm1.compute = "bf16", mm1.model = {...}, ...} {
//     mm1.weight @embed_tokens : tensor<200064x6144xbf16> = #mm1.recipe<...>
//     mm1.state recurrent @layers.0.lightning : tensor<?x64x128x128xf32>
//     func.func @decode(%tokens: tensor<?xi32> {mm1.name = "tokens"}, ...)
//         -> tensor<?x6144xbf16>
//     func.func @prefill(...)  // the same body; later phases part them
//     func.func @head(%hidden, %rows) -> tensor<?x200064xf32>
//   }
//
// One layer reads like MiniMaxM1DecoderLayer.forward of the published modeling
// file. Every op's location is the checkpoint prefix it comes from.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Import/Checkpoint.h"
#include "dialects/MM1/MM1.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlir::mm1 {

/// What activations and the KV cache are stored in. Sums are f32 either way.
enum class ComputeType { F32, BF16 };

struct ImportOptions {
  ComputeType compute = ComputeType::BF16;
};

/// Tokens in one KV page.
inline constexpr int64_t kPageTokens = 64;

/// Builds @decode, @prefill and @head of the model in `checkpoint`, for one
/// rank. Weights keep the element type they have in the checkpoint. Fails with
/// a diagnostic when experts that must be stacked differ in element type, or
/// when the result does not verify (our own bug).
FailureOr<OwningOpRef<ModuleOp>>
importModel(MLIRContext &context, const ::mm1::Checkpoint &checkpoint,
            const ImportOptions &options);

/// The promise of the import phase: every tensor the checkpoint has and the
/// model needs is a source of a weight that some function loads, and every
/// source is in the checkpoint with this shape and type. Holds after every
/// later phase too.
LogicalResult verifyImported(ModuleOp module,
                             const ::mm1::Checkpoint &checkpoint);

} // namespace mlir::mm1
