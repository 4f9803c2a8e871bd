//===- Passes.td - Every pass of the compiler, by phase ------*- tablegen -*-===//
// One pass a file: mm1-form-clusters is FormClusters in passes/Fuse/FormClusters.cpp, tested by
// test/passes/Fuse/form-clusters.mlir. Their order is in Pipeline.cpp. The passes of the plan phase are in
// passes/Plan.
//===------------------------------------------------------------------------===//
#ifndef MM1_PASSES_TD
#define MM1_PASSES_TD

include "mlir/Pass/PassBase.td"

//===--------------------------------- Shard --------------------------------===//

def Shard : Pass<"mm1-shard", "::mlir::ModuleOp"> {
  let summary = "Cut the model for a number of ranks";
  let description = [{
    For one rank this is the identity; it writes down the number, so that the phases after it know.
    ```mlir
    module { ... }
    // becomes
    module attributes {mm1.ranks = 1 : i64} { ... }
    ```
    Refuses any other number: sharding over several ranks is not written yet.
  }];
  let options = [Option<"ranks", "ranks", "int64_t", "1", "Number of ranks (devices) that run the model together">];
}

def VerifySharded : Pass<"mm1-verify-sharded", "::mlir::ModuleOp"> {
  let summary = "Check what the shard phase promises";
  let description = [{
    The module says its number of ranks, and every collective is over exactly that many. Collectives over one rank fold
    away (canonicalize), so a module for one rank holds none.
  }];
}

//===------------------------------- Quantize -------------------------------===//

def Quantize : Pass<"mm1-quantize", "::mlir::ModuleOp"> {
  let summary = "Store some weights in fewer bits";
  let description = [{
    `int8-experts` (model-spec 4.1) takes every weight that an `mm1.expert_linear` reads, and nothing else: its recipe gets
    a quantize step, and a second weight with the same sources makes the scales.
    ```mlir
    mm1.weight @w1 : tensor<4x96x64xbf16> = #mm1.recipe<sources = [...], steps = [#mm1.stack]>
    %w = mm1.load_weight @w1 : tensor<4x96x64xbf16>
    %g = mm1.expert_linear %x, %order, %offsets weights(%w) : ...
    // becomes
    mm1.weight @w1 : tensor<4x96x64xi8> = #mm1.recipe<sources = [...], steps = [#mm1.stack, #mm1.quantize<int8_rows>]>
    mm1.weight @w1.scale : tensor<4x96xf32> = #mm1.recipe<sources = [...], steps = [#mm1.stack, #mm1.quantize_scales<int8_rows>]>
    %w = mm1.load_weight @w1 : tensor<4x96x64xi8>
    %s = mm1.load_weight @w1.scale : tensor<4x96xf32>
    %g = mm1.expert_linear %x, %order, %offsets weights(%w) scales(%s) : ...
    ```
    A cast at the end of the recipe goes: integers are made of the checkpoint's own numbers.
    Leaves alone: linears (attention, router, shared expert, dense MLP, head), and weights that are int8 already.
    Runs after: shard, because scales depend on the slice of a row a rank holds.
  }];
  let options = [Option<"scheme", "scheme", "std::string", "\"none\"", "What to quantize: none | int8-experts">];
}

def VerifyQuantized : Pass<"mm1-verify-quantized", "::mlir::ModuleOp"> {
  let summary = "Check what the quantize phase promises";
  let description = [{
    The module names its scheme. With `none` no weight is int8. With `int8-experts` the weights of every
    `mm1.expert_linear` are int8, no other op reads int8, and each such weight comes with the scales that its own recipe
    makes.
  }];
}

//===--------------------------------- Fuse ---------------------------------===//

class TargetOption<string what> : Option<"target", "target", "std::string", "\"cpu\"", what # ": cpu, sm_80, sm_90a">;

class ExplainOption : Option<"explain", "explain", "bool", "false", "Say in a remark what was decided, and why">;

def InlineHead : Pass<"mm1-inline-head", "::mlir::ModuleOp"> {
  let summary = "Let decode compute logits and candidates itself";
  let description = [{
    Both `decode` and `head` end in what a sampler needs (`mm1.top_candidates`); decode takes the head's ops in, with the
    gather of rows gone, because it wants all its rows. Prefill keeps returning hidden rows.
    ```mlir
    func.func @decode(%tokens: ...) -> (tensor<?x64xf32> {mm1.name = "hidden"}) { ... return %x }
    func.func @head(%hidden: tensor<?x64xf32>, %rows: tensor<?xi32>) -> (tensor<?x512xf32> {mm1.name = "logits"}) {
      %g = mm1.gather_rows %hidden, %rows : ...
      %n = mm1.rms_norm %g, %w eps = 1.0e-5 : ...
      %l = mm1.linear %n weights(%lm) : ...
      return %l
    }
    // becomes
    func.func @decode(%tokens: ..., %mask: tensor<16xi32> {mm1.name = "vocabulary_mask"},
        %counts: tensor<?xi32> {mm1.name = "candidate_counts"}, %scales: tensor<?xf32> {mm1.name = "inverse_temperatures"})
        -> (tensor<?x512xf32> {mm1.name = "logits"}, tensor<?x64xf32> {mm1.name = "candidate_values"},
            tensor<?x64xi32> {mm1.name = "candidate_ids"}, tensor<?x2xf32> {mm1.name = "candidate_sums"}) {
      ...
      %n = mm1.rms_norm %x, %w eps = 1.0e-5 : ...
      %l = mm1.linear %n weights(%lm) : ...
      %v, %i, %s = mm1.top_candidates %l, %mask, %counts, %scales k = 64 : ...
      return %l, %v, %i, %s
    }
    ```
    and `head` likewise, with its gather. Leaves alone: a module without a head. Refuses: a head that does more with its
    rows than gather hidden ones. Runs after: widen-intermediates, so that hidden rows are rounded alike in all entries;
    before: whatever forms kernels, so that the final norm can join the last layer.
  }];
  let options = [Option<"candidates", "candidates", "int64_t", "64", "Most candidates of a row (all of a smaller vocabulary)">];
  let dependentDialects = ["::mlir::mm1::MM1Dialect"];
}

def DeferNorm : Pass<"mm1-defer-norm", "::mlir::func::FuncOp"> {
  let summary = "Move a norm's factor behind what is linear in rows";
  let description = [{
    A norm of rows that tasks make in parts (the heads of a recurrence) and that only ops linear in rows read, a matrix
    among them, is split: its sums of squares stand where the row is made, its weight stays, and its factor per row goes
    behind the last of those ops. Exact but for rounding.
    ```mlir
    %n = mm1.rms_norm %o, %w eps = 1.0e-6 : (tensor<?x128xbf16>, tensor<128xbf16>) -> tensor<?x128xbf16>
    %a = mm1.linear %n weights(%m) : (tensor<?x128xbf16>, tensor<64x128xbf16>) -> tensor<?x64xbf16>
    // becomes
    %s = mm1.sum_squares %o : tensor<?x128xbf16> -> tensor<?x4xf32>
    %v = mm1.scale_columns %o, %w : (tensor<?x128xbf16>, tensor<128xbf16>) -> tensor<?x128xbf16>
    %b = mm1.linear %v weights(%m) : (tensor<?x128xbf16>, tensor<64x128xbf16>) -> tensor<?x64xbf16>
    %a = mm1.norm_rows %b, %s width = 128 eps = 1.0e-6 : (tensor<?x64xbf16>, tensor<?x4xf32>) -> tensor<?x64xbf16>
    ```
    Leaves alone: norms of rows that are made whole, and norms that something else reads too (the residual of a normalised
    stream). Runs after: shard; before buckets, so that all have the same sums. Source: model-spec 6.3.
  }];
  let options = [Option<"columns", "columns", "int64_t", "32", "Most columns of a row whose squares are one sum">, ExplainOption<>];
  let dependentDialects = ["::mlir::mm1::MM1Dialect"];
}

def WidenIntermediates : Pass<"mm1-widen-intermediates", "::mlir::func::FuncOp"> {
  let summary = "Round no value that stays in a register";
  let description = [{
    A type says where numbers are rounded, in registers too. A bf16 result that is only read in place, by ops with scalar
    bodies, becomes f32: its readers join its kernel as epilogue where they can, and round what they make themselves. So
    does one that only an anchor reads that can make its operand itself (rms_norm), when no other anchor has made it.
    ```mlir
    %a = mm1.linear %y weights(%w) : (tensor<?x128xbf16>, tensor<64x128xbf16>) -> tensor<?x64xbf16>
    %x = mm1.residual %u, %a alpha = 3.5 beta = 1.0 : tensor<?x64xbf16>
    // becomes
    %a = mm1.linear %y weights(%w) : (tensor<?x128xbf16>, tensor<64x128xbf16>) -> tensor<?x64xf32>
    %x = mm1.residual %u, %a alpha = 3.5 beta = 1.0 : (tensor<?x64xbf16>, tensor<?x64xf32>) -> tensor<?x64xbf16>
    ```
    Leaves alone: results that other anchors, a return or a state read; copies (embedding, gather_rows); ops with a result that
    has to stay; anchors other than matmuls and norms; a value whose reader needs what a later anchor makes of other rows
    (lightning attention's gate: it waits in memory for the recurrence).
    Runs before: whatever depends on a bucket, so that the bits do not. Cost: linear in ops.
  }];
}

def SpecializeBuckets : Pass<"mm1-specialize-buckets", "::mlir::ModuleOp"> {
  let summary = "Make one function for each size of batch";
  let description = [{
    Each entry function becomes one for each of its buckets: decode for 1, 2, 4, ... sequences, prefill for 16, 64, 256,
    ... tokens, head for 1, 2, 4, ... rows and one more of up to 64. The passes behind it fuse and schedule each for its
    size. Tensors keep `?` for the tokens, so equal kernels of two buckets are one again in the plan.
    ```mlir
    func.func @decode(...) attributes {mm1.entry = "decode"} { ... }
    // becomes, with max-sequences=2
    func.func @decode_1(...) attributes {mm1.entry = "decode", mm1.sequences = 1 : i64, mm1.tokens = 1 : i64} { ... }
    func.func @decode_2(...) attributes {mm1.entry = "decode", mm1.sequences = 2 : i64, mm1.tokens = 2 : i64} { ... }
    ```
    Leaves alone: functions that have a bucket, and functions that are no entry. Runs after whatever must be equal in all
    buckets: rounding points, order of sums.
  }];
  let options = [
    Option<"maxSequences", "max-sequences", "int64_t", "8", "Most sequences in a batch">,
    Option<"prefillTokens", "prefill-tokens", "int64_t", "256", "Most tokens of one prefill step">,
    Option<"decodeBuckets", "decode-buckets", "std::string", "\"\"",
           "Sizes of decode, rising: \"1,4\"; the largest is added when it is missing (default: powers of two)">,
    Option<"prefillBuckets", "prefill-buckets", "std::string", "\"\"",
           "Sizes of prefill, likewise (default: 16, 64, 256, ...)">
  ];
}

def GroupTokens : Pass<"mm1-group-tokens", "::mlir::func::FuncOp"> {
  let summary = "Bring the rows of one expert together";
  let description = [{
    From as many tokens on as the target says, the pairs of tokens and chosen experts are listed expert by expert, once for
    all matmuls that share the choice: a kernel then reads each expert's weights once. Below, an expert rarely has a second
    row, and the list would be a launch for nothing.
    ```mlir
    %y = mm1.expert_linear %x, %ids weights(%w) : ...
    // becomes
    %order, %offsets = mm1.group_tokens %ids : tensor<?x2xi32> -> tensor<?x2xi32>, tensor<5xi32>
    %y = mm1.expert_linear %x, %ids grouped(%order, %offsets) weights(%w) : ...
    ```
    No number changes. Runs on functions with a bucket.
  }];
  let options = [TargetOption<"Whose kernels">, ExplainOption<>];
  let dependentDialects = ["::mlir::mm1::MM1Dialect"];
}

def SplitAttention : Pass<"mm1-split-attention", "::mlir::func::FuncOp"> {
  let summary = "Cut long contexts into spans that tasks can share";
  let description = [{
    In entries with one token of each sequence, attention becomes two ops, so
    that the spans of one context are tasks of their own. In all entries
    `span_tokens`, or `even_spans` on a target that cuts evenly, says that sums
    go span by span, so that all give the same bits, split or not.
    ```mlir
    %o = mm1.softmax_attention %q, %cache batch(...) scale = 0.25 : (tensor<?x64xbf16>, ...) -> tensor<?x64xbf16>
    // becomes, on a CPU with max-context=4096, in decode
    %s, %w = mm1.attention_partials %q, %cache batch(...) scale = 0.25 cut = fixed span_tokens = 1024
        : (tensor<?x64xbf16>, ...) -> (tensor<?x4x8xf32>, tensor<?x4x64xf32>)
    %o = mm1.merge_partials %s, %w : (tensor<?x4x8xf32>, tensor<?x4x64xf32>) -> tensor<?x64xbf16>
    // and in prefill
    %o = mm1.softmax_attention %q, %cache batch(...) scale = 0.25 span_tokens = 1024 : ...
    ```
    Lengths and numbers of spans depend on the target and the longest context
    alone. Leaves alone: contexts that one span holds; with `split=false` no op
    is split, and bits stay. Runs after: specialize-buckets; before
    form-clusters. Cost: linear in ops.
  }];
  let options = [
    TargetOption<"Whose facts">, ExplainOption<>,
    Option<"maxContext", "max-context", "int64_t", "4096", "Most tokens of one sequence">,
    Option<"split", "split", "bool", "true", "Make two ops of one, where it pays">];
  let dependentDialects = ["::mlir::mm1::MM1Dialect"];
}

def MergeLinears : Pass<"mm1-merge-linears", "::mlir::func::FuncOp"> {
  let summary = "Make one op of linears that read the same rows";
  let description = [{
    Linears (and expert linears of one routing) that read the same rows with weights of one element type become one op with
    several weights, of any widths. Saves the second read of the rows and a launch, and lets what joins the results
    (`silu(g) * u`) happen in registers: for experts that is one write and one read of [T, k, width] each for g and u.
    ```mlir
    %q = mm1.linear %u weights(%wq) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    %k = mm1.linear %u weights(%wk) : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xbf16>
    // becomes
    %q, %k = mm1.linear %u weights(%wq, %wk)
        : (tensor<?x64xbf16>, tensor<64x64xbf16>, tensor<32x64xbf16>) -> (tensor<?x64xbf16>, tensor<?x32xbf16>)
    ```
    The merged op stands where the first one stood; weights loaded later move up. Leaves alone: other rows, weights of
    another type or depth, weights that are not loaded but computed later, and what no kernel of the target takes. Runs
    after: quantize. Cost: linear in ops.
  }];
  let options = [TargetOption<"Whose kernels">,
                 Option<"maxWeights", "max-weights", "unsigned", "3", "Most weights of one merged op">,
                 ExplainOption<>];
  let dependentDialects = ["::mlir::mm1::MM1Dialect"];
}

def FormClusters : Pass<"mm1-form-clusters", "::mlir::func::FuncOp"> {
  let summary = "Put every op into the cluster whose kernel will run it";
  let description = [{
    Each anchor starts a cluster that stands where the anchor stands. Then, greedily:
    1. (forward) An op with a scalar body joins the cluster that makes one of its operands, when everything else it reads
       exists before the cluster; so of the clusters it reads from only the latest can take it.
    2. (backward) An op with a scalar body that is left joins the cluster that reads its result. Others may read the result
       too when they come later: the cluster yields the value, it is never computed twice.
    3. What still remains becomes an elementwise cluster, and takes producers in the same way.
    An op joins only what may be one kernel by the ops' interfaces (no task needs what another makes), and what the target
    has a kernel for (passes/Fuse/Target.h).
    ```mlir
    %a = mm1.linear %y weights(%w) : (tensor<?x128xbf16>, tensor<64x128xbf16>) -> tensor<?x64xbf16>
    %x = mm1.residual %u, %a alpha = 3.5 beta = 1.0 : tensor<?x64xbf16>
    // becomes
    %x = mm1.cluster matmul(%y, %w, %u) : (tensor<?x128xbf16>, tensor<64x128xbf16>, tensor<?x64xbf16>) -> tensor<?x64xbf16> {
    ^bb0(%0: tensor<?x128xbf16>, %1: tensor<64x128xbf16>, %2: tensor<?x64xbf16>):
      %3 = mm1.linear %0 weights(%1) : (tensor<?x128xbf16>, tensor<64x128xbf16>) -> tensor<?x64xbf16>
      %4 = mm1.residual %2, %3 alpha = 3.5 beta = 1.0 : tensor<?x64xbf16>
      mm1.yield %4 : tensor<?x64xbf16>
    }
    ```
    A cluster has its anchor's location; inputs are numbered by first use. Loads, stores and returns stay outside.
  }];
  let options = [TargetOption<"Whose kernels">, ExplainOption<>];
  let dependentDialects = ["::mlir::mm1::MM1Dialect"];
}

def FuseNormLinears : Pass<"mm1-fuse-norm-linears", "::mlir::func::FuncOp"> {
  let summary = "Put a norm in front of the linear that reads it";
  let description = [{
    The cluster of a norm goes into the first cluster behind it, when that multiplies the norm's rows with a matrix. What
    others read of the norm, the merged cluster stores.
    ```mlir
    %u = mm1.cluster row_reduction(%x, %n) ... { mm1.rms_norm ... }
    %p = mm1.cluster matmul(%u, %w) ... { mm1.linear ... }
    // becomes
    %u, %p = mm1.cluster row_reduction, matmul(%x, %n, %w) ... { mm1.rms_norm ... mm1.linear ... }
    ```
    Taken when it is worth it (passes/Fuse/KernelCost.h: a launch and a round trip against a row read again by every task)
    and the target has such a kernel. Runs after: form-clusters.
  }];
  let options = [TargetOption<"Whose kernels and costs">, ExplainOption<>];
}

def FuseRoutingExperts : Pass<"mm1-fuse-routing-experts", "::mlir::func::FuncOp"> {
  let summary = "Make the choice of experts in the kernels that need it";
  let description = [{
    A routing cluster that only ungrouped expert matmuls read is cloned into each of them: few rows' softmax and top-k cost
    less than a launch.
    ```mlir
    %ids, %rw = mm1.cluster routing(%logits) ... { mm1.router ... }
    %h = mm1.cluster grouped_matmul(%m, %ids, %w1, %w3) ... { mm1.expert_linear ... }
    // becomes
    %h = mm1.cluster routing, grouped_matmul(%logits, %m, %w1, %w3) ... { mm1.router ... mm1.expert_linear ... }
    ```
    Taken when it is worth it and the target has such a kernel. Runs after: form-clusters.
  }];
  let options = [TargetOption<"Whose kernels and costs">, ExplainOption<>];
}

def FuseAppendAttention : Pass<"mm1-fuse-append-attention", "::mlir::func::FuncOp"> {
  let summary = "Append to the cache and attend over it in one kernel";
  let description = [{
    In entries with one token of each sequence, the cluster that appends keys and values goes into the one that attends.
    ```mlir
    %c1 = mm1.cluster cache_append(%k, %v, %c0, ...) ... { mm1.rope ... mm1.cache_append ... }
    %o = mm1.cluster attention(%q, %c1, ...) ... { mm1.rope ... mm1.softmax_attention ... }
    // becomes
    %c1, %o = mm1.cluster cache_append, attention(%k, %v, %c0, %q, ...) ... { ... }
    ```
    Taken when it is legal (one token each), worth it, and the target has such a kernel. Runs after: form-clusters.
  }];
  let options = [TargetOption<"Whose kernels and costs">, ExplainOption<>];
}

def FuseRecurrenceSums : Pass<"mm1-fuse-recurrence-sums", "::mlir::func::FuncOp"> {
  let summary = "Sum squares in the kernel that makes the row";
  let description = [{
    The sums of squares of a deferred norm join the recurrence that makes their row, in stretches that each head's tasks
    have to themselves.
    ```mlir
    %o, %y, %s1 = mm1.cluster recurrence(...) ... { mm1.lightning_attention ... mm1.scale_columns ... mm1.sigmoid_gate ... }
    %sums = mm1.cluster row_reduction(%o) ... { mm1.sum_squares ... }
    // becomes
    %y, %s1, %sums = mm1.cluster recurrence, row_reduction(...) ... { ... }
    ```
    Taken when it is worth it and the target has such a kernel. Runs after: defer-norm, form-clusters.
  }];
  let options = [TargetOption<"Whose kernels and costs">, ExplainOption<>];
}

def TileWeights : Pass<"mm1-tile-weights", "::mlir::ModuleOp"> {
  let summary = "Choose how each weight lies in memory";
  let description = [{
    A weight that a linear or an expert linear multiplies with is stored in tiles, the target's panels or swizzled tiles;
    every other weight that something reads (vectors, scales, the embedding table) has its rows padded, and so has a matrix
    whose size swizzled tiles would double (a router).
    ```mlir
    mm1.weight @w : tensor<96x64xbf16> = #mm1.recipe<sources = [...], steps = []>
    // becomes
    mm1.weight @w : tensor<96x64xbf16, #mm1.tiled<panel = 32, depth = 2>>
        = #mm1.recipe<sources = [...], steps = [#mm1.tile<panel = 32, depth = 2>]>
    // or, for a GPU,
    mm1.weight @w : tensor<96x64xbf16, #mm1.swizzled<rows = 64, order = natural>>
        = #mm1.recipe<sources = [...], steps = [#mm1.swizzle<rows = 64, order = natural>]>
    ```
    Loads, clusters' inputs and the values inside them change their types with it. Leaves alone: weights nobody loads.
    Refuses: a weight read both as a matrix and as a table. Facts about targets: passes/Fuse/TargetFacts.h.
  }];
  let options = [TargetOption<"Whose layouts">];
}

def ScheduleClusters : Pass<"mm1-schedule-clusters", "::mlir::ModuleOp"> {
  let summary = "Choose tile sizes and grids";
  let description = [{
    Sets `schedule` of every cluster that has none: the grid (`tasks * ceil(count(unit) / per)` tasks) and what its kind of
    kernel wants to know besides (passes/Fuse/ScheduleChoice.h has the names). The target chooses, from the shapes and the
    bucket of the function.
    ```mlir
    %y = mm1.cluster matmul(%x, %w) : (tensor<?x64xbf16>, tensor<192x64xbf16>) -> tensor<?x192xbf16> { ... }
    // becomes
    %y = mm1.cluster matmul(%x, %w) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 6 : i64, unit = "one"} : ...
    ```
    `overrides` is a list `[entry.]kind.key=value`; `tuning` names a JSON file
    `{"version": 1, "rules": [{"entry": "decode", "kind": "matmul", "shape": "9216x6144xbf16", "set": {"panels": 2}}]}`
    where entry, kind, shape (of the weights) and target may be left out and later rules win. Overrides beat rules. An
    override that matches no cluster is an error, a rule of a file that does not is named in a warning.
  }];
  let options = [
    TargetOption<"For which target">,
    Option<"overrides", "overrides", "std::string", "\"\"", "Comma-separated [entry.]kind.key=value">,
    Option<"tuning", "tuning", "std::string", "\"\"", "A tuning file (JSON)">];
}

def VerifyFused : Pass<"mm1-verify-fused", "::mlir::ModuleOp"> {
  let summary = "Check what the fuse phase promises";
  let description = [{
    Every function is an entry with a bucket, in which each op of the model sits in exactly one cluster. Each cluster may
    be one kernel (by the ops' interfaces), the target has a kernel for it, and it has a schedule; each weight that is read
    has a layout.
  }];
  let options = [TargetOption<"Whose kernels">];
}

#endif // MM1_PASSES_TD
