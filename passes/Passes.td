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
    rows than gather hidden ones. Runs before: everything of the fuse phase, so that the final norm can join the last layer.
  }];
  let options = [Option<"candidates", "candidates", "int64_t", "64", "Most candidates of a row (all of a smaller vocabulary)">];
  let dependentDialects = ["::mlir::mm1::MM1Dialect"];
}

def MergeLinears : Pass<"mm1-merge-linears", "::mlir::func::FuncOp"> {
  let summary = "Make one op of linears that read the same rows";
  let description = [{
    Linears (and expert linears of one routing) that read the same rows with weights of one type and results of one type
    become one op with several weights. Saves the second read of the rows and a launch, and lets what joins the results
    (`silu(g) * u`) happen in registers: for experts that is one write and one read of [T, k, width] each for g and u.
    ```mlir
    %k = mm1.linear %u weights(%wk) : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xbf16>
    %v = mm1.linear %u weights(%wv) : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xbf16>
    // becomes
    %k, %v = mm1.linear %u weights(%wk, %wv)
        : (tensor<?x64xbf16>, tensor<32x64xbf16>, tensor<32x64xbf16>) -> (tensor<?x32xbf16>, tensor<?x32xbf16>)
    ```
    The merged op stands where the first one stood; weights loaded later move up. Leaves alone: other rows, weights of other
    shapes, weights that are not loaded but computed later. Runs after: quantize. Cost: linear in ops.
  }];
  let options = [Option<"maxWeights", "max-weights", "unsigned", "3",
                        "Most weights of one merged op: more leave too few rows to a register tile">];
  let dependentDialects = ["::mlir::mm1::MM1Dialect"];
}

def FormClusters : Pass<"mm1-form-clusters", "::mlir::func::FuncOp"> {
  let summary = "Put every op into the cluster whose kernel will run it";
  let description = [{
    Each anchor starts a cluster that stands where the anchor stands. Then, greedily:
    1. (forward) An op with a scalar body joins the cluster that makes one of its operands, as epilogue, when the anchor
       takes an epilogue on that result, the op reads the cluster's values in place and at their shape, and everything else
       it reads exists before the anchor; so of the clusters it reads from only the latest can take it.
    2. (backward) An op with a scalar body that is left joins the cluster that reads its result, as prologue, when the anchor
       takes a prologue on that operand, or an op of the prologue reads it in place. Others may read the result too when
       the kernel can store its prologue and they come later: the cluster yields the value, it is never computed twice.
    3. What still remains becomes an elementwise cluster, and takes producers of the same shape in the same way.
    ```mlir
    %a = mm1.linear %y weights(%w) : (tensor<?x128xbf16>, tensor<64x128xbf16>) -> tensor<?x64xbf16>
    %x = mm1.residual %u, %a alpha = 3.5 beta = 1.0 : tensor<?x64xbf16>
    // becomes
    %x = mm1.cluster matmul (%y, %w, %u) : (tensor<?x128xbf16>, tensor<64x128xbf16>, tensor<?x64xbf16>) -> tensor<?x64xbf16> {
    ^bb0(%0: tensor<?x128xbf16>, %1: tensor<64x128xbf16>, %2: tensor<?x64xbf16>):
      %3 = mm1.linear %0 weights(%1) : (tensor<?x128xbf16>, tensor<64x128xbf16>) -> tensor<?x64xbf16>
      %4 = mm1.residual %2, %3 alpha = 3.5 beta = 1.0 : tensor<?x64xbf16>
      mm1.yield %4 : tensor<?x64xbf16>
    }
    ```
    What may join what is asked of the ops' interfaces (dialects/MM1/MM1Interfaces.td), never of their names. A cluster has
    its anchor's location; inputs are numbered by first use. Loads, stores and returns stay outside.
  }];
  let dependentDialects = ["::mlir::mm1::MM1Dialect"];
}

def TileWeights : Pass<"mm1-tile-weights", "::mlir::ModuleOp"> {
  let summary = "Choose how each weight lies in memory";
  let description = [{
    A weight that a linear or an expert linear multiplies with is stored in tiles of the target's panel and depth; every
    other weight that something reads (vectors, scales, the embedding table) has its rows padded.
    ```mlir
    mm1.weight @w : tensor<96x64xbf16> = #mm1.recipe<sources = [...], steps = []>
    // becomes
    mm1.weight @w : tensor<96x64xbf16, #mm1.tiled<panel = 32, depth = 2>>
        = #mm1.recipe<sources = [...], steps = [#mm1.tile<panel = 32, depth = 2>]>
    ```
    Loads, clusters' inputs and the values inside them change their types with it. Leaves alone: weights nobody loads.
    Refuses: a weight read both as a matrix and as a table. Facts about targets: passes/Fuse/Target.h.
  }];
  let options = [Option<"target", "target", "std::string", "\"cpu\"", "Whose layouts: cpu, sm_80, sm_90a">];
}

def ScheduleClusters : Pass<"mm1-schedule-clusters", "::mlir::func::FuncOp"> {
  let summary = "Choose tile sizes and grids";
  let description = [{
    Sets `schedule` of every cluster: the grid (`tasks * ceil(count(unit) / per)` tasks) and what its kind of kernel wants
    to know besides. A pure function lists candidates from the target's facts and the shapes, a small cost model ranks
    them (passes/Fuse/Schedule.h explains both). The function's `mm1.entry` says whether many tokens come (prefill) or
    few (decode, head).
    ```mlir
    %y = mm1.cluster matmul (%x, %w) : (tensor<?x64xbf16>, tensor<192x64xbf16>) -> tensor<?x192xbf16> { ... }
    // becomes
    %y = mm1.cluster matmul (%x, %w) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 6 : i64, unit = "one"} : ...
    ```
    `overrides` is a list `[entry.]kind.key=value`; `tuning` names a JSON file
    `{"version": 1, "rules": [{"entry": "decode", "kind": "matmul", "shape": "9216x6144xbf16", "set": {"panels": 2}}]}`
    where entry, kind, shape (of the weights) and target may be left out and later rules win. Overrides beat rules.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"cpu\"", "For which target: cpu, sm_80, sm_90a">,
    Option<"overrides", "overrides", "std::string", "\"\"", "Comma-separated [entry.]kind.key=value">,
    Option<"tuning", "tuning", "std::string", "\"\"", "A tuning file (JSON)">];
}

def VerifyFused : Pass<"mm1-verify-fused", "::mlir::ModuleOp"> {
  let summary = "Check what the fuse phase promises";
  let description = [{
    In every entry function: each op of the model sits in exactly one cluster; a cluster's prologue and epilogue are such
    that its anchor takes them, by the interfaces; each cluster has a schedule; each weight that is read has a layout.
  }];
}

#endif // MM1_PASSES_TD
