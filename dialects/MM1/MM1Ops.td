//===- MM1Ops.td - The blocks of the network -----------------*- tablegen -*-===//
// Read from top to bottom: symbols, embedding, norms and residuals, linears, lightning attention, softmax
// attention, experts, choosing tokens, collectives, clusters. T is the number of tokens in the batch, always `?`.
// Constraints are numbered (C1, C2, ...): the verifier and test/dialects/MM1 use the same labels.
// A type says where numbers are rounded: what an op makes is rounded to its result's element type before another op reads
// it, in memory or in a register. So ops that compute take and make f32 and bf16 in any mixture; one type is printed where
// all of an op's types agree.
//===------------------------------------------------------------------------===//
#ifndef MM1_OPS_TD
#define MM1_OPS_TD

include "MM1Attributes.td"
include "MM1Interfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

class MM1_Op<string mnemonic, list<Trait> traits = []> : Op<MM1_Dialect, mnemonic, traits>;

/// An op on the rows of a batch; Reach.cpp says how far each reaches. `rowMethods` are methods of RowOpInterface with a
/// default that the op does not take.
class MM1_RowOp<string mnemonic, list<Trait> traits = [], list<string> rowMethods = []>
    : MM1_Op<mnemonic, traits # [Pure, DeclareOpInterfaceMethods<MM1_RowOpInterface, rowMethods>]>;

/// One that has a scalar body (see MM1Interfaces.td), defined in ScalarBodies.cpp.
class MM1_ScalarOp<string mnemonic, list<Trait> traits = [], list<string> rowMethods = []>
    : MM1_RowOp<mnemonic, traits # [DeclareOpInterfaceMethods<MM1_ScalarBodyOpInterface>], rowMethods>;

/// One whose scalar body hands numbers on as they are.
class MM1_CopyOp<string mnemonic, list<string> rowMethods = []>
    : MM1_RowOp<mnemonic, [DeclareOpInterfaceMethods<MM1_ScalarBodyOpInterface, ["copiesNumbers"]>], rowMethods>;

/// One that shapes a kernel.
class MM1_AnchorOp<string mnemonic, list<Trait> traits = [], list<string> rowMethods = []>
    : MM1_RowOp<mnemonic, traits # [DeclareOpInterfaceMethods<MM1_AnchorOpInterface>], rowMethods>;

/// One that shapes a kernel by heads, which do not need each other.
class MM1_HeadwiseOp<string mnemonic, list<Trait> traits = []>
    : MM1_RowOp<mnemonic, traits # [DeclareOpInterfaceMethods<MM1_AnchorOpInterface, ["getRowParts"]>]>;

/// One that sums up rows, defined in RowReductions.cpp.
class MM1_ReductionOp<string mnemonic, list<Trait> traits = [], list<string> methods = []>
    : MM1_AnchorOp<mnemonic, traits # [DeclareOpInterfaceMethods<MM1_RowReductionOpInterface, methods>]>;

def MM1_StateUpdate : DeclareOpInterfaceMethods<MM1_StateUpdateOpInterface>;
def MM1_RowLinear : DeclareOpInterfaceMethods<MM1_RowLinearOpInterface>;

def MM1_Activation : RankedTensorOf<[F32, BF16]>;
def MM1_F32Tensor : RankedTensorOf<[F32]>;
def MM1_I32Tensor : RankedTensorOf<[I32]>;
def MM1_WeightTensor : RankedTensorOf<[F32, BF16, I8]>;

//===-------------------------------- Symbols -------------------------------===//

def MM1_WeightOp : MM1_Op<"weight", [Symbol]> {
  let summary = "A weight: its type and the recipe that makes it from the checkpoint";
  let description = [{
    Constraints: (C1) `type` is what the recipe makes.
    ```mlir
    mm1.weight @layers.0.out_proj : tensor<64x128xbf16> = #mm1.recipe<
        sources = [#mm1.source<"model.layers.0.self_attn.out_proj.weight" : tensor<64x128xbf16>>], steps = []>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyRankedTensor>:$type, MM1_RecipeAttr:$recipe);
  let assemblyFormat = "$sym_name `:` $type `=` $recipe attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getWeightType() { return ::llvm::cast<::mlir::RankedTensorType>(getType()); }
  }];
}

def MM1_StateOp : MM1_Op<"state", [Symbol]> {
  let summary = "A pool of state: lightning matrices by slot, or KV pages by page number";
  let description = [{
    The first dimension counts units (slots or pages) and is `?` until the plan fixes it.
    Constraints: (C1) a recurrent pool is `[?, heads, D, D]` in f32 whatever the model computes in;
    (C2) a KV pool is `[?, 2, kv_heads, page, D]` (k, then v) in f32 or bf16.
    ```mlir
    mm1.state recurrent @layers.0.lightning : tensor<?x4x16x16xf32>
    mm1.state kv_pages @layers.3.kv : tensor<?x2x2x64x16xbf16>
    ```
  }];
  let arguments = (ins MM1_StateKind:$kind, SymbolNameAttr:$sym_name, TypeAttrOf<AnyRankedTensor>:$type);
  let assemblyFormat = "$kind $sym_name `:` $type attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getStateType() { return ::llvm::cast<::mlir::RankedTensorType>(getType()); }
  }];
}

def MM1_LoadWeightOp : MM1_Op<"load_weight", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A weight as a value";
  let description = [{
    Constraints: (C1) `weight` names an `mm1.weight`; (C2) of this type.
    ```mlir
    %w = mm1.load_weight @layers.0.out_proj : tensor<64x128xbf16>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs AnyRankedTensor:$value);
  let assemblyFormat = "$weight `:` type($value) attr-dict";
}

def MM1_LoadStateOp : MM1_Op<"load_state", [MemoryEffects<[MemRead]>, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A state pool as a value";
  let description = [{
    Constraints: (C1) `state` names an `mm1.state`; (C2) of this type.
    ```mlir
    %s = mm1.load_state @layers.0.lightning : tensor<?x4x16x16xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$state);
  let results = (outs AnyRankedTensor:$value);
  let assemblyFormat = "$state `:` type($value) attr-dict";
}

def MM1_StoreStateOp : MM1_Op<"store_state", [MemoryEffects<[MemWrite]>, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Makes a value the new content of a state pool";
  let description = [{
    Constraints: (C1) `state` names an `mm1.state`; (C2) of this type.
    ```mlir
    mm1.store_state %s1, @layers.0.lightning : tensor<?x4x16x16xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$value, FlatSymbolRefAttr:$state);
  let assemblyFormat = "$value `,` $state `:` type($value) attr-dict";
}

//===------------------------ Rows: embedding and gather ---------------------===//

def MM1_EmbeddingOp : MM1_CopyOp<"embedding", ["getMostRead"]> {
  let summary = "The table's row of each token";
  let description = [{
    `y[t, :] = table[tokens[t], :]`. Shapes: tokens `[T]`, table `[V, H]`, y `[T, H]`.
    Constraints: (C1) ranks as above; (C2) table and result have the same width.
    ```mlir
    %x = mm1.embedding %tokens, %table : (tensor<?xi32>, tensor<512x64xbf16>) -> tensor<?x64xbf16>
    ```
    Source: model-spec 3.1 (no scale, no position, no norm).
  }];
  let arguments = (ins MM1_I32Tensor:$tokens, MM1_WeightTensor:$table);
  let results = (outs MM1_Activation:$result);
  let assemblyFormat = "$tokens `,` $table attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MM1_GatherRowsOp : MM1_CopyOp<"gather_rows"> {
  let summary = "Some rows of a tensor, by index";
  let description = [{
    `y[r, :] = x[rows[r], :]`. Used in front of the head, where only some tokens need logits.
    Constraints: (C1) ranks: x `[T, H]`, rows `[R]`, y `[R, H]`; (C2) x and result agree in width and element type.
    ```mlir
    %h = mm1.gather_rows %x, %rows : (tensor<?x64xbf16>, tensor<?xi32>) -> tensor<?x64xbf16>
    ```
  }];
  let arguments = (ins MM1_Activation:$input, MM1_I32Tensor:$rows);
  let results = (outs MM1_Activation:$result);
  let assemblyFormat = "$input `,` $rows attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

//===------------------------- Norms and residuals ---------------------------===//

def MM1_RMSNormOp : MM1_ReductionOp<"rms_norm", [AllShapesMatch<["input", "result"]> /*C1*/]> {
  let summary = "Divides each row by its root mean square, times a weight per column";
  let description = [{
    `y[t, i] = x[t, i] * rsqrt(mean_i(x[t, i]^2) + eps) * w[i]`, sums in f32.
    Constraints: (C1) input and result agree in shape; (C2) `weight` has one value per column; (C3) eps > 0.
    ```mlir
    %y = mm1.rms_norm %x, %w eps = 1.0e-5 : (tensor<?x64xbf16>, tensor<64xbf16>) -> tensor<?x64xbf16>
    ```
    Source: MiniMaxM1RMSNorm in the published modeling file; no offset on the weight, no mean, no bias.
  }];
  let arguments = (ins MM1_Activation:$input, MM1_WeightTensor:$weight, F64Attr:$eps);
  let results = (outs MM1_Activation:$result);
  let assemblyFormat = "$input `,` $weight `eps` `=` $eps attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MM1_SumSquaresOp : MM1_ReductionOp<"sum_squares", [], ["getReducedParts", "yieldsSums"]> {
  let summary = "Sums of squares of each row, in equal stretches of columns";
  let description = [{
    `s[t, p] = sum over i in stretch p of x[t, i]^2`, in f32: the part of a norm that needs the whole row, by itself. The
    stretches are those that tasks (heads, ranks) make apart; whoever wants the whole row's sum adds them in order.
    Constraints: (C1) x is `[T, N]`, s `[T, P]`; (C2) P divides N.
    ```mlir
    %s = mm1.sum_squares %x : tensor<?x128xbf16> -> tensor<?x4xf32>
    ```
  }];
  let arguments = (ins MM1_Activation:$input);
  let results = (outs MM1_F32Tensor:$sums);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($sums)";
  let hasVerifier = 1;
}

def MM1_NormRowsOp : MM1_ScalarOp<"norm_rows", [MM1_RowLinear]> {
  let summary = "Divides each row by the root mean square of the row that was summed";
  let description = [{
    `y[t, i] = x[t, i] * rsqrt(sum_p s[t, p] / width + eps)`, the parts p added in order. With `scale_columns` and the
    sums of x itself it is `rms_norm`; being a factor per row it may stand behind ops that are linear in rows, where x is
    another row than the one that was summed.
    Constraints: (C1) x and y agree in shape, `[T, N]`; (C2) s is `[T, P]`; (C3) width > 0, eps > 0.
    ```mlir
    %y = mm1.norm_rows %a, %s width = 128 eps = 1.0e-6 : (tensor<?x64xf32>, tensor<?x4xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins MM1_Activation:$input, MM1_F32Tensor:$sums, I64Attr:$width, F64Attr:$eps);
  let results = (outs MM1_Activation:$result);
  let assemblyFormat = [{
    $input `,` $sums `width` `=` $width `eps` `=` $eps attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def MM1_ScaleColumnsOp : MM1_ScalarOp<"scale_columns", [MM1_RowLinear]> {
  let summary = "Multiplies each column by a weight";
  let description = [{
    `y[t, i] = x[t, i] * w[i]`.
    Constraints: (C1) x and y agree in shape, `[T, N]`; (C2) `weight` has one value per column.
    ```mlir
    %y = mm1.scale_columns %x, %w : (tensor<?x128xbf16>, tensor<128xbf16>) -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins MM1_Activation:$input, MM1_WeightTensor:$weight);
  let results = (outs MM1_Activation:$result);
  let assemblyFormat = "$input `,` $weight attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MM1_ResidualOp : MM1_ScalarOp<"residual", [AllShapesMatch<["stream", "branch", "result"]> /*C1*/]> {
  let summary = "The weighted sum of the stream and a block's output";
  let description = [{
    `y = alpha * stream + beta * branch`. In the normalised-stream form of MiniMax-M1 `stream` is the output of the
    norm; with `postnorm` false it is the norm's input.
    Constraints: (C1) all three agree in shape. Folds: none (beta = 1 still sums).
    ```mlir
    %y = mm1.residual %u, %a alpha = 3.5565588200778455 beta = 1.0 : tensor<?x64xbf16>
    %z = mm1.residual %u, %f alpha = 3.5565588200778455 beta = 1.0
        : (tensor<?x64xbf16>, tensor<?x64xf32>) -> tensor<?x64xbf16>
    ```
    Source: MiniMaxM1DecoderLayer.forward.
  }];
  let arguments = (ins MM1_Activation:$stream, MM1_Activation:$branch, F64Attr:$alpha, F64Attr:$beta);
  let results = (outs MM1_Activation:$result);
  let assemblyFormat = [{
    $stream `,` $branch `alpha` `=` $alpha `beta` `=` $beta attr-dict
        `:` custom<SameOperandsAndResultType>(type($stream), type($branch), type($result))
  }];
}

//===------------------------------ Elementwise ------------------------------===//

def MM1_SiluOp : MM1_ScalarOp<"silu", [AllShapesMatch<["input", "result"]> /*C1*/]> {
  let summary = "x * sigmoid(x)";
  let description = [{
    Constraints: (C1) input and result agree in shape.
    ```mlir
    %y = mm1.silu %x : tensor<?x64xbf16>
    ```
  }];
  let arguments = (ins MM1_Activation:$input);
  let results = (outs MM1_Activation:$result);
  let assemblyFormat = "$input attr-dict `:` custom<SameOperandsAndResultType>(type($input), type($result))";
}

def MM1_MulOp : MM1_ScalarOp<"mul", [Commutative, MM1_RowLinear, AllShapesMatch<["lhs", "rhs", "result"]> /*C1*/]> {
  let summary = "The product, element by element";
  let description = [{
    Constraints: (C1) all three agree in shape.
    ```mlir
    %y = mm1.mul %a, %b : tensor<?x2x96xbf16>
    ```
  }];
  let arguments = (ins MM1_Activation:$lhs, MM1_Activation:$rhs);
  let results = (outs MM1_Activation:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs attr-dict `:` custom<SameOperandsAndResultType>(type($lhs), type($rhs), type($result))
  }];
}

def MM1_SigmoidGateOp : MM1_ScalarOp<"sigmoid_gate", [MM1_RowLinear, AllShapesMatch<["input", "gate", "result"]> /*C1*/]> {
  let summary = "x * sigmoid(gate)";
  let description = [{
    The output gate of lightning attention: `gate` is the projection before its sigmoid.
    Constraints: (C1) all three agree in shape.
    ```mlir
    %y = mm1.sigmoid_gate %o, %g : tensor<?x128xbf16>
    ```
    Source: MiniMaxM1LightningAttention.forward, after the norm.
  }];
  let arguments = (ins MM1_Activation:$input, MM1_Activation:$gate);
  let results = (outs MM1_Activation:$result);
  let assemblyFormat = [{
    $input `,` $gate attr-dict `:` custom<SameOperandsAndResultType>(type($input), type($gate), type($result))
  }];
}

def MM1_BlendOp : MM1_ScalarOp<"blend", [AllShapesMatch<["routed", "shared", "result"]> /*C1*/]> {
  let summary = "Shared expert: (1 - s) * routed + s * shared, s = sigmoid of one number per token";
  let description = [{
    Constraints: (C1) routed, shared and result agree in shape; (C2) `coefficient` is `[T, 1]` in f32.
    ```mlir
    %y = mm1.blend %c, %f, %s : (tensor<?x1xf32>, tensor<?x64xbf16>, tensor<?x64xbf16>) -> tensor<?x64xbf16>
    ```
    Source: model-spec 3.7.
  }];
  let arguments = (ins MM1_F32Tensor:$coefficient, MM1_Activation:$routed, MM1_Activation:$shared);
  let results = (outs MM1_Activation:$result);
  let assemblyFormat = "$coefficient `,` $routed `,` $shared attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

//===-------------------------------- Linears --------------------------------===//

def MM1_LinearOp : MM1_AnchorOp<"linear", [AttrSizedOperandSegments, MM1_RowLinear,
    DeclareOpInterfaceMethods<MM1_MatmulOpInterface>]> {
  let summary = "Products of the rows with one or more weight matrices";
  let description = [{
    `y_i[t, o] = scale_i[o] * sum_k x[t, k] * w_i[o, k]`, sums in f32; without scales the factor is 1.
    Several weights that read the same rows, of one element type and any width, make one op with one result each: the
    rows are loaded once.
    Constraints: (C1) at least one weight, all of one element type, `[N_i, K]`; (C2) x is `[T, K]`; (C3) result i is
    `[T, N_i]`; (C4) int8 weights have one f32 `[N_i]` scale each, others none.
    ```mlir
    %q = mm1.linear %u weights(%w) : (tensor<?x64xbf16>, tensor<192x64xbf16>) -> tensor<?x192xbf16>
    %q, %k = mm1.linear %u weights(%wq, %wk)
        : (tensor<?x64xbf16>, tensor<64x64xbf16>, tensor<32x64xbf16>) -> (tensor<?x64xbf16>, tensor<?x32xbf16>)
    %y = mm1.linear %u weights(%wi) scales(%s) : (tensor<?x64xbf16>, tensor<96x64xi8>, tensor<96xf32>) -> tensor<?x96xbf16>
    ```
  }];
  let arguments = (ins MM1_Activation:$input, Variadic<MM1_WeightTensor>:$weights, Variadic<MM1_F32Tensor>:$scales);
  let results = (outs Variadic<MM1_Activation>:$outputs);
  let assemblyFormat = [{
    $input `weights` `(` $weights `)` (`scales` `(` $scales^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

//===--------------------------- Lightning attention -------------------------===//

def MM1_LightningAttentionOp : MM1_HeadwiseOp<"lightning_attention", [
    MM1_StateUpdate, AllTypesMatch<["state", "nextState"]> /*C1*/]> {
  let summary = "Causal linear attention with one decay rate per head";
  let description = [{
    For each token t of a sequence in order, per head: `S = exp(-slope) * S + k_t^T v_t`, then `o_t = q_t S`.
    `qkv` is `[T, heads * 3 * D]`: head h owns columns `3Dh .. 3D(h+1)-1` in the order q, k, v.
    State is `[slots, heads, D, D]` (k channel, v channel), in f32; sequence b uses slot `slots[b]`, and starts from zero
    when its first position is 0.
        Constraints: (C1) both states agree; (C2) qkv is `[T, heads * 3 * D]` and out `[T, heads * D]` for the state's heads and D;
    (C3) `slopes` has one f32 per head; (C4) `slots`, `starts` and `positions` are rank 1.
    ```mlir
    %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s0 batch(%slots, %starts, %positions)
        : (tensor<?x192xbf16>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>)
          -> (tensor<?x64xbf16>, tensor<?x4x16x16xf32>)
    ```
    Source: MiniMaxM1LightningAttention.inference; model-spec 3.5.3.
  }];
  let arguments = (ins MM1_Activation:$qkv, MM1_F32Tensor:$slopes, MM1_F32Tensor:$state,
                       MM1_I32Tensor:$slots, MM1_I32Tensor:$starts, MM1_I32Tensor:$positions);
  let results = (outs MM1_Activation:$out, MM1_F32Tensor:$nextState);
  let assemblyFormat = [{
    $qkv `,` $slopes `,` $state `batch` `(` $slots `,` $starts `,` $positions `)` attr-dict
        `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getHeads() { return ::llvm::cast<::mlir::RankedTensorType>(getState().getType()).getDimSize(1); }
    int64_t getHeadDim() { return ::llvm::cast<::mlir::RankedTensorType>(getState().getType()).getDimSize(2); }
  }];
}

//===---------------------------- Softmax attention --------------------------===//

def MM1_RopeAnglesOp : MM1_ScalarOp<"rope_angles", [AllTypesMatch<["cos", "sin"]> /*C1*/]> {
  let summary = "Cosine and sine of position times frequency";
  let description = [{
    `phi = f32(positions[t]) * inv_freq[i]` as one f32 product (at long context its rounding is part of the model), then
    cosine and sine exact to 2 ulp.
    Constraints: (C1) cos and sin agree; (C2) `[T, R]` for `inv_freq` of `[R]`.
    ```mlir
    %cos, %sin = mm1.rope_angles %positions, %freq : (tensor<?xi32>, tensor<4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
    ```
    Source: MiniMaxM1RotaryEmbedding; model-spec 3.4.
  }];
  let arguments = (ins MM1_I32Tensor:$positions, MM1_F32Tensor:$inv_freq);
  let results = (outs MM1_F32Tensor:$cos, MM1_F32Tensor:$sin);
  let assemblyFormat = "$positions `,` $inv_freq attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MM1_RopeOp : MM1_RowOp<"rope", [AllShapesMatch<["input", "result"]> /*C1*/, AllTypesMatch<["cos", "sin"]>,
    DeclareOpInterfaceMethods<MM1_ScalarBodyOpInterface, ["getLaneGranularity"]>]> {
  let summary = "Rotates pairs of channels of each head by their position's angle";
  let description = [{
    In each head of `head_dim` columns, with R = columns of cos: for i < R,
    `y[i] = x[i] cos[i] - x[i+R] sin[i]`, `y[i+R] = x[i+R] cos[i] + x[i] sin[i]`; columns from 2R on pass.
    Constraints: (C1) input and result agree in shape; (C2) `head_dim` divides the width; (C3) 2R <= head_dim.
    ```mlir
    %y = mm1.rope %q, %cos, %sin head_dim = 16 : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xbf16>
    ```
    Source: apply_rotary_pos_emb of the published file (rotate-half inside the first rotary_dim channels).
  }];
  let arguments = (ins MM1_Activation:$input, MM1_F32Tensor:$cos, MM1_F32Tensor:$sin, I64Attr:$head_dim);
  let results = (outs MM1_Activation:$result);
  let assemblyFormat = "$input `,` $cos `,` $sin `head_dim` `=` $head_dim attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MM1_CacheAppendOp : MM1_HeadwiseOp<"cache_append", [MM1_StateUpdate, AllTypesMatch<["cache", "nextCache"]> /*C1*/]> {
  let summary = "Writes the keys and values of new tokens into their KV pages";
  let description = [{
    Token t of sequence b at position p goes to row `p % page` of page `pages[slots[b], p / page]`, for every KV head:
    page tables belong to slots, so that a sequence's grows from step to step and is never sent again.
    Constraints: (C1) both caches agree; (C2) k and v are `[T, kv_heads * D]` for the cache's heads and D, and agree;
    (C3) `slots`, `starts` and `positions` are rank 1, `pages` rank 2.
    ```mlir
    %c1 = mm1.cache_append %k, %v, %c0 batch(%slots, %starts, %positions, %pages)
        : (tensor<?x32xbf16>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>,
           tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16>
    ```
  }];
  let arguments = (ins MM1_Activation:$k, MM1_Activation:$v, MM1_Activation:$cache,
                       MM1_I32Tensor:$slots, MM1_I32Tensor:$starts, MM1_I32Tensor:$positions, MM1_I32Tensor:$pages);
  let results = (outs MM1_Activation:$nextCache);
  let assemblyFormat = [{
    $k `,` $v `,` $cache `batch` `(` $slots `,` $starts `,` $positions `,` $pages `)` attr-dict
        `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def MM1_SoftmaxAttentionOp : MM1_HeadwiseOp<"softmax_attention"> {
  let summary = "Causal attention of each token over its sequence's KV pages";
  let description = [{
    For token t of sequence b at position p and query head h: softmax over
    u = 0..p of `scale * q[t, h] . K[u, kv]`, then the weighted sum of
    `V[u, kv]`, with kv = h / (heads / kv_heads). Softmax and sums in f32. The
    key of position u lies in page `pages[slots[b], u / page]`, where
    mm1.cache_append put it.
    `span_tokens` or `even_spans` says in which order sums are added, and
    changes no number but for that: spans are summed by themselves and merged
    in order, with the arithmetic of mm1.attention_partials and
    mm1.merge_partials. With `span_tokens` a context is cut at `fixed` places,
    so many tokens apart; with `even_spans` it is cut `even`, for so many spans.
    Both forms then give the same bits.
    Constraints: (C1) q and out agree, `[T, heads * D]`, heads a multiple of
    the cache's KV heads; (C2) `slots`, `starts` and `positions` are rank 1,
    `pages` rank 2; (C3) scale > 0; (C4) `span_tokens`, where it is set, is a
    multiple of the page; (C5) `even_spans`, where it is set, is at least 1,
    and stands without `span_tokens`.
    ```mlir
    %o = mm1.softmax_attention %q, %cache batch(%slots, %starts, %positions, %pages) scale = 0.25 span_tokens = 1024
        : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
          -> tensor<?x64xbf16>
    ```
    Source: MiniMaxM1FlashAttention2; model-spec 3.4.
  }];
  let arguments = (ins MM1_Activation:$q, MM1_Activation:$cache, MM1_I32Tensor:$slots, MM1_I32Tensor:$starts,
                       MM1_I32Tensor:$positions, MM1_I32Tensor:$pages, F64Attr:$scale,
                       OptionalAttr<I64Attr>:$span_tokens, OptionalAttr<I64Attr>:$even_spans);
  let results = (outs MM1_Activation:$out);
  let assemblyFormat = [{
    $q `,` $cache `batch` `(` $slots `,` $starts `,` $positions `,` $pages `)` `scale` `=` $scale
        (`span_tokens` `=` $span_tokens^)? (`even_spans` `=` $even_spans^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def MM1_AttentionPartialsOp : MM1_RowOp<"attention_partials", [
    DeclareOpInterfaceMethods<MM1_AnchorOpInterface, ["getRowParts", "getReadParts"]>]> {
  let summary = "Attention over spans of the context, each by itself";
  let description = [{
    mm1.softmax_attention before its division, for stretches of a token's
    context that need not know of each other: many tasks can share a long one.
    For span j, over its tokens u:
    ```
    m = max_u scale * q . K[u]
    l = sum_u exp(scale * q . K[u] - m)
    o = sum_u exp(scale * q . K[u] - m) V[u]
    ```
    `stats[t, j, 2h]` is m and `stats[t, j, 2h + 1]` is l of query head h, and
    `weighted[t, j, D h .. D (h + 1) - 1]` is o. A span without tokens has
    m = -1e30, l = 0 and o = 0. Kernels need not write that o: l = 0 says that
    nobody reads it.
    `cut` says which tokens a span has, for a token that sees n of them (its
    own position + 1), on P = ceil(n / page) pages:
    ```
    fixed   [j L, (j + 1) L) with L = span_tokens; the last span also what is left
    even    span i of s = clamp(P / 2, 1, spans) has pages [i P / s, (i + 1) P / s)
    ```
    Neither knows the batch. Fixed places do not move while a context grows;
    even spans are equally long at every length.
    Constraints: (C1) q is `[T, heads * D]`, heads a multiple of the cache's KV
    heads; (C2) `slots`, `starts` and `positions` are rank 1, `pages` rank 2;
    (C3) scale > 0; (C4) stats is `[T, spans, heads * 2]` and weighted
    `[T, spans, heads * D]`, spans at least 1; (C5) `span_tokens`, a multiple
    of the page, stands with `fixed` only, and must.
    ```mlir
    %s, %o = mm1.attention_partials %q, %cache batch(%slots, %starts, %positions, %pages) scale = 0.25 cut = fixed span_tokens = 1024
        : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
          -> (tensor<?x4x8xf32>, tensor<?x4x64xf32>)
    ```
    Source: Flash-Decoding (Dao et al. 2023) for the idea.
  }];
  let arguments = (ins MM1_Activation:$q, MM1_Activation:$cache, MM1_I32Tensor:$slots, MM1_I32Tensor:$starts,
                       MM1_I32Tensor:$positions, MM1_I32Tensor:$pages, F64Attr:$scale, MM1_SpanCut:$cut,
                       OptionalAttr<I64Attr>:$span_tokens);
  let results = (outs MM1_F32Tensor:$stats, MM1_F32Tensor:$weighted);
  let assemblyFormat = [{
    $q `,` $cache `batch` `(` $slots `,` $starts `,` $positions `,` $pages `)` `scale` `=` $scale `cut` `=` $cut
        (`span_tokens` `=` $span_tokens^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getNumSpans() { return ::llvm::cast<::mlir::RankedTensorType>(getStats().getType()).getDimSize(1); }
  }];
}

def MM1_MergePartialsOp : MM1_HeadwiseOp<"merge_partials"> {
  let summary = "The spans of attention_partials as one context";
  let description = [{
    `y[t, h] = sum_j exp(m_j - M) o_j / sum_j exp(m_j - M) l_j` with M the
    largest m_j of head h. The order is part of the meaning where bits are
    compared: from the first span, which always has tokens,
    ```
    M' = max(M, m_j);  a = exp(M - M');  b = exp(m_j - M')
    l = fma(l_j, b, l a);  o = fma(o_j, b, o a)
    ```
    for every later span with tokens (l_j > 0), in order; at the end o / l.
    Constraints: (C1) stats is `[T, spans, heads * 2]`, weighted
    `[T, spans, heads * D]` and y `[T, heads * D]`; (C2) spans at least 1, D
    at least 1.
    ```mlir
    %y = mm1.merge_partials %s, %o : (tensor<?x4x8xf32>, tensor<?x4x64xf32>) -> tensor<?x64xbf16>
    ```
  }];
  let arguments = (ins MM1_F32Tensor:$stats, MM1_F32Tensor:$weighted);
  let results = (outs MM1_Activation:$out);
  let assemblyFormat = "$stats `,` $weighted attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getNumSpans() { return ::llvm::cast<::mlir::RankedTensorType>(getStats().getType()).getDimSize(1); }
    int64_t getHeads() { return ::llvm::cast<::mlir::RankedTensorType>(getStats().getType()).getDimSize(2) / 2; }
  }];
}

//===--------------------------------- Experts -------------------------------===//

def MM1_RouterOp : MM1_AnchorOp<"router"> {
  let summary = "Softmax over all experts, the top k, renormalised";
  let description = [{
    `p = softmax(logits[t])`; the k largest p, the lower expert index first among equals; `weights = p_i / sum_j p_j` over the
    chosen. Ids are in order of falling p.
    Constraints: (C1) logits `[T, E]`, ids and weights `[T, k]`; (C2) 1 <= k <= E.
    ```mlir
    %ids, %w = mm1.router %logits : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    ```
    Source: MiniMaxM1SparseMoeBlock.forward; model-spec 3.6.
  }];
  let arguments = (ins MM1_F32Tensor:$logits);
  let results = (outs MM1_I32Tensor:$ids, MM1_F32Tensor:$weights);
  let assemblyFormat = "$logits attr-dict `:` type($logits) `->` type($ids) `,` type($weights)";
  let hasVerifier = 1;
}

def MM1_GroupTokensOp : MM1_AnchorOp<"group_tokens"> {
  let summary = "Lists the (token, choice) pairs expert by expert";
  let description = [{
    Pair r = t * k + j has expert `ids[t, j]`. `order` holds the pairs sorted by expert, stable; those of expert e stand at
    `offsets[e] .. offsets[e+1]-1`.
    Constraints: (C1) ids and order agree in shape; (C2) offsets is rank 1 with E + 1 values.
    ```mlir
    %order, %offsets = mm1.group_tokens %ids : tensor<?x2xi32> -> tensor<?x2xi32>, tensor<5xi32>
    ```
  }];
  let arguments = (ins MM1_I32Tensor:$ids);
  let results = (outs MM1_I32Tensor:$order, MM1_I32Tensor:$offsets);
  let assemblyFormat = "$ids attr-dict `:` type($ids) `->` type($order) `,` type($offsets)";
  let hasVerifier = 1;
}

def MM1_ExpertLinearOp : MM1_AnchorOp<"expert_linear", [AttrSizedOperandSegments, MM1_RowLinear,
    DeclareOpInterfaceMethods<MM1_MatmulOpInterface, ["getNumExperts", "getNumChoices"]>], ["getMostRead"]> {
  let summary = "Products of each (token, choice) pair with its expert's matrices";
  let description = [{
    For pair (t, j) with expert `e = ids[t, j]`: `y_i[t, j, o] = scale_i[e, o] * sum_n x[t, (j,) n] * w_i[e, o, n]`. Rows
    of x belong to tokens (`[T, K]`) or to pairs (`[T, k, K]`).
    `grouped` gives the pairs expert by expert (`group_tokens` of the same ids), so that a kernel reads each expert once
    for all its pairs; it changes no number, and where few pairs share an expert it is left out.
    Constraints: (C1) at least one weight, all of one element type, `[E, N_i, K]`; (C2) x is `[T, K]` or `[T, k, K]`;
    (C3) result i is `[T, k, N_i]`, k as in `ids`; (C4) int8 weights have one f32 `[E, N_i]` scale each, others none;
    (C5) `order` is like `ids`, and `offsets` has E + 1 values; they come together.
    ```mlir
    %g, %u = mm1.expert_linear %m, %ids grouped(%order, %offsets) weights(%w1, %w3)
        : (tensor<?x64xbf16>, tensor<?x2xi32>, tensor<?x2xi32>, tensor<5xi32>, tensor<4x96x64xbf16>, tensor<4x96x64xbf16>)
          -> (tensor<?x2x96xbf16>, tensor<?x2x96xbf16>)
    ```
    Source: MiniMaxM1BlockSparseTop2MLP; model-spec 3.6.
  }];
  let arguments = (ins MM1_Activation:$input, MM1_I32Tensor:$ids, Optional<MM1_I32Tensor>:$order,
                       Optional<MM1_I32Tensor>:$offsets, Variadic<MM1_WeightTensor>:$weights,
                       Variadic<MM1_F32Tensor>:$scales);
  let results = (outs Variadic<MM1_Activation>:$outputs);
  let assemblyFormat = [{
    $input `,` $ids (`grouped` `(` $order^ `,` $offsets `)`)? `weights` `(` $weights `)` (`scales` `(` $scales^ `)`)?
        attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def MM1_CombineOp : MM1_ScalarOp<"combine", [MM1_RowLinear]> {
  let summary = "The experts' answers of each token, weighted and summed";
  let description = [{
    `y[t, :] = sum_j weights[t, j] * x[t, j, :]`, in order of j.
    Constraints: (C1) x `[T, k, H]`, weights `[T, k]` in f32, y `[T, H]`.
    ```mlir
    %f = mm1.combine %y, %w : (tensor<?x2x64xbf16>, tensor<?x2xf32>) -> tensor<?x64xbf16>
    ```
  }];
  let arguments = (ins MM1_Activation:$input, MM1_F32Tensor:$weights);
  let results = (outs MM1_Activation:$result);
  let assemblyFormat = "$input `,` $weights attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

//===---------------------------- Choosing tokens ----------------------------===//

def MM1_TopCandidatesOp : MM1_AnchorOp<"top_candidates"> {
  let summary = "The largest logits of each row: what a sampler needs of it";
  let description = [{
    Of row t only ids whose bit is set in `mask` count (id i is bit `i % 32` of word `i / 32`). `values` and `ids` list the
    `counts[t]` largest logits in falling order, the lower id first among equals; NaN counts as the smallest. Places beyond
    `counts[t]`, or beyond the ids that count, hold id -1 and value 0.
    `sums[t] = (m, s)`: m is the largest logit (-inf when no id counts), and where `counts[t] > 1`,
    `s = sum over ids that count of exp((logits[t, i] - m) * inverse_temperatures[t])`, to 1e-4 relative; else s is 0. In
    both cases s is NaN when a logit that counts is NaN: a fault does not hide behind a good token.
    A greedy token is `ids[t, 0]`; top-k needs k candidates and no sum; top-p is decided by the candidates when they reach
    `p * s`, and by the whole row otherwise.
    Constraints: (C1) logits `[R, V]` with V known, mask `[ceil(V / 32)]`; (C2) `1 <= k <= V`; (C3) counts and
    inverse_temperatures are rank 1; (C4) values and ids are `[R, k]`, sums is `[R, 2]`.
    ```mlir
    %values, %ids, %sums = mm1.top_candidates %logits, %mask, %counts, %inverse_temperatures k = 64
        : (tensor<?x512xf32>, tensor<16xi32>, tensor<?xi32>, tensor<?xf32>)
          -> (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32>)
    ```
  }];
  let arguments = (ins MM1_F32Tensor:$logits, MM1_I32Tensor:$mask, MM1_I32Tensor:$counts,
                       MM1_F32Tensor:$inverse_temperatures, I64Attr:$k);
  let results = (outs MM1_F32Tensor:$values, MM1_I32Tensor:$ids, MM1_F32Tensor:$sums);
  let assemblyFormat = [{
    $logits `,` $mask `,` $counts `,` $inverse_temperatures `k` `=` $k attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

//===------------------------------- Collectives -----------------------------===//

def MM1_AllReduceOp : MM1_AnchorOp<"all_reduce", [AllTypesMatch<["input", "result"]> /*C1*/]> {
  let summary = "The sum of a value over all ranks, on every rank";
  let description = [{
    Constraints: (C1) input and result agree; (C2) `ranks` >= 1. Folds to its input for one rank.
    ```mlir
    %y = mm1.all_reduce %x ranks = 8 : tensor<?x64xbf16>
    ```
  }];
  let arguments = (ins MM1_Activation:$input, I64Attr:$ranks);
  let results = (outs MM1_Activation:$result);
  let assemblyFormat = "$input `ranks` `=` $ranks attr-dict `:` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def MM1_AllGatherOp : MM1_AnchorOp<"all_gather"> {
  let summary = "The ranks' columns side by side, on every rank";
  let description = [{
    Constraints: (C1) the result is `ranks` times as wide in the last dimension, else equal; (C2) `ranks` >= 1.
    Folds to its input for one rank.
    ```mlir
    %y = mm1.all_gather %x ranks = 8 : tensor<?x64xf32> -> tensor<?x512xf32>
    ```
  }];
  let arguments = (ins MM1_Activation:$input, I64Attr:$ranks);
  let results = (outs MM1_Activation:$result);
  let assemblyFormat = "$input `ranks` `=` $ranks attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

//===-------------------------------- Clusters -------------------------------===//

def MM1_ClusterOp : MM1_Op<"cluster", [IsolatedFromAbove, RecursiveMemoryEffects,
    SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "One kernel: ordinary ops, some of them anchors";
  let description = [{
    The region keeps the meaning: the reference evaluator runs it op by op. What lies in it is fused, and changing it changes
    the generated kernel. In front of the inputs stand the kinds of its anchors in their order, `elementwise` when there
    are none. Which kinds a kernel may hold, and in which order, is the target's to say (`mm1-verify-fused` asks it).
    `schedule` holds the emitter's choices (tile sizes) once made.
    Constraints: (C1) block arguments match the inputs; (C2) the yield matches the results; (C3) the kinds are those of its
    anchors, in order; (C4) the other ops have scalar bodies.
    ```mlir
    %y = mm1.cluster row_reduction, matmul(%x, %n, %w)
        : (tensor<?x64xbf16>, tensor<64xbf16>, tensor<192x64xbf16>) -> tensor<?x192xbf16> {
    ^bb0(%0: tensor<?x64xbf16>, %1: tensor<64xbf16>, %2: tensor<192x64xbf16>):
      %3 = mm1.rms_norm %0, %1 eps = 1.0e-5 : (tensor<?x64xbf16>, tensor<64xbf16>) -> tensor<?x64xbf16>
      %4 = mm1.linear %3 weights(%2) : (tensor<?x64xbf16>, tensor<192x64xbf16>) -> tensor<?x192xbf16>
      %5 = mm1.silu %4 : tensor<?x192xbf16>
      mm1.yield %5 : tensor<?x192xbf16>
    }
    ```
  }];
  let arguments = (ins DenseI32ArrayAttr:$anchors, Variadic<AnyRankedTensor>:$inputs, OptionalAttr<DictionaryAttr>:$schedule);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    custom<AnchorKinds>($anchors) `(` $inputs `)` (`schedule` $schedule^)? attr-dict-with-keyword
        `:` functional-type(operands, results) $body
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 0;
  let extraClassDeclaration = [{
    /// Its anchors, in order.
    ::llvm::SmallVector<::mlir::mm1::AnchorOpInterface> getAnchorOps();
    /// Its only anchor; null when there is none, or several.
    ::mlir::mm1::AnchorOpInterface getOnlyAnchor();
    /// The kind of its only anchor, `elementwise` without one; nothing when there are several.
    ::std::optional<::mlir::mm1::AnchorKind> getOnlyKind();
    ::mlir::mm1::YieldOp getYield();
    /// The kinds of anchors among `ops`, in order: what `anchors` holds.
    static ::llvm::SmallVector<int32_t> kindsOf(::llvm::ArrayRef<::mlir::Operation *> ops);
  }];
}

def MM1_YieldOp : MM1_Op<"yield", [Pure, Terminator, ReturnLike, HasParent<"ClusterOp">]> {
  let summary = "Ends a cluster and gives its results";
  let description = [{
    ```mlir
    mm1.yield %y : tensor<?x64xbf16>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$operands);
  let assemblyFormat = "attr-dict ($operands^ `:` type($operands))?";
  // A cluster without results may leave it out.
  let builders = [OpBuilder<(ins), [{ $_state.addOperands({}); }]>];
}

#endif // MM1_OPS_TD
