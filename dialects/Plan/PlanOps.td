//===- PlanOps.td - What the runtime does, step by step -------*- tablegen -*-===//
// Read from top to bottom: limits, kernels, entries, what an entry names (buffers, weights, states), what it does
// (launches, collectives, host calls, signals and waits).
//
//   plan.limits max_sequences = 2 max_context = 128 max_prefill = 16 page_tokens = 64 pages = 4 arena_bytes = 448
//   plan.kernel @silu_0 {
//   ^bb0(%x: tensor<?x32xf32>):
//     %y = mm1.cluster elementwise (%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> { ... }
//   }
//   plan.entry @decode_1 decode tokens = 1 sequences = 1 rank = 0 {
//     %x = plan.buffer input "x" at 0 bytes = 128 rows = 1 : tensor<?x32xf32>
//     %y = plan.buffer output "y" at 128 bytes = 128 rows = 1 : tensor<?x32xf32>
//     plan.launch @silu_0 (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>) tasks = 1 unit = tokens per = 1
//   }
//
// Constraints are numbered (C1, C2, ...): the verifier and test/dialects/Plan use the same labels. Sizes: Layout.h.
//===------------------------------------------------------------------------===//
#ifndef PLAN_OPS_TD
#define PLAN_OPS_TD

include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let cppNamespace = "::mlir::plan";
  let summary = "Buffers at fixed offsets and the launches that use them, in order";
  let description = [{
    All decisions are made here: which kernel runs, on which bytes, in which order. The runtime follows it without
    allocating. One `plan.entry` is one bucket of one entry function: it serves every batch of at most `tokens` tokens.

    Order: steps of one stream run as they are written; `plan.signal` and `plan.wait` order steps of different streams.
    A wait stands behind its signal in the text, so the text is one order that keeps every promise, and nothing can
    wait for ever.
  }];
}

class Plan_Op<string mnemonic, list<Trait> traits = []> : Op<Plan_Dialect, mnemonic, traits>;

//===-------------------------------- Enums ---------------------------------===//

def Plan_EntryKind : I32EnumAttr<"EntryKind", "Which entry function a bucket belongs to", [
    I32EnumAttrCase<"Decode", 0, "decode">,
    I32EnumAttrCase<"Prefill", 1, "prefill">,
    I32EnumAttrCase<"Head", 2, "head">]> {
  let cppNamespace = "::mlir::plan";
}

def Plan_GridUnit : I32EnumAttr<"GridUnit", "What the tasks of a launch are counted by", [
    I32EnumAttrCase<"One", 0, "one">,
    I32EnumAttrCase<"Tokens", 1, "tokens">,
    I32EnumAttrCase<"Sequences", 2, "sequences">]> {
  let cppNamespace = "::mlir::plan";
}

def Plan_Access : I32EnumAttr<"Access", "What a step does to an argument", [
    I32EnumAttrCase<"Read", 0, "read">,
    I32EnumAttrCase<"Write", 1, "write">,
    I32EnumAttrCase<"Update", 2, "update">]> {
  let cppNamespace = "::mlir::plan";
}

def Plan_PortRole : I32EnumAttr<"PortRole", "Who is at the other side of a named buffer", [
    I32EnumAttrCase<"Input", 0, "input">,
    I32EnumAttrCase<"Output", 1, "output">]> {
  let cppNamespace = "::mlir::plan";
}

def Plan_CollectiveKind : I32EnumAttr<"CollectiveKind", "What a collective computes", [
    I32EnumAttrCase<"AllReduce", 0, "all_reduce">,
    I32EnumAttrCase<"AllGather", 1, "all_gather">]> {
  let cppNamespace = "::mlir::plan";
}

//===------------------------------- Interface ------------------------------===//

def Plan_StepOpInterface : OpInterface<"StepOpInterface"> {
  let cppNamespace = "::mlir::plan";
  let description = "Something an entry does: it has a place in the order of its stream, and arguments it reads or writes.";
  let methods = [
    InterfaceMethod<"The stream it runs in", "int64_t", "getStepStream", (ins), [{}], [{
      return static_cast<int64_t>($_op.getStream());
    }]>,
    InterfaceMethod<"Buffers, weights and states it touches", "::mlir::OperandRange", "getStepArguments", (ins), [{}], [{
      return $_op->getOperands();
    }]>,
    InterfaceMethod<"One per argument, as `Access`", "::llvm::ArrayRef<int32_t>", "getStepAccess", (ins), [{}], [{
      return {};
    }]>
  ];
}

class Plan_StepOp<string mnemonic, list<Trait> traits = []>
    : Plan_Op<mnemonic, traits # [HasParent<"EntryOp">, DeclareOpInterfaceMethods<Plan_StepOpInterface>]>;

class Plan_AccessOp<string mnemonic, list<Trait> traits = []>
    : Plan_Op<mnemonic, traits # [HasParent<"EntryOp">,
                                  DeclareOpInterfaceMethods<Plan_StepOpInterface, ["getStepAccess"]>]>;

//===--------------------------- Limits and kernels --------------------------===//

def Plan_LimitsOp : Plan_Op<"limits", [HasParent<"::mlir::ModuleOp">]> {
  let summary = "The sizes the whole plan is made for";
  let description = [{
    `max_sequences` slots, `max_context` tokens of one sequence, `max_prefill` tokens of one prefill step, pages of
    `page_tokens` tokens of which there are `pages`, and `arena_bytes` of memory for all entries.
    Constraints: (C1) all positive; (C2) one per module.
    ```mlir
    plan.limits max_sequences = 8 max_context = 4096 max_prefill = 256 page_tokens = 64 pages = 512 arena_bytes = 65536
    ```
  }];
  let arguments = (ins I64Attr:$max_sequences, I64Attr:$max_context, I64Attr:$max_prefill, I64Attr:$page_tokens,
                       I64Attr:$pages, I64Attr:$arena_bytes);
  let assemblyFormat = [{
    `max_sequences` `=` $max_sequences `max_context` `=` $max_context `max_prefill` `=` $max_prefill
        `page_tokens` `=` $page_tokens `pages` `=` $pages `arena_bytes` `=` $arena_bytes attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Columns of the page table: pages of the longest sequence.
    int64_t getPageColumns() { return (getMaxContext() + getPageTokens() - 1) / getPageTokens(); }
  }];
}

def Plan_KernelOp : Plan_Op<"kernel", [Symbol, IsolatedFromAbove, NoTerminator, SingleBlock,
                                       HasParent<"::mlir::ModuleOp">]> {
  let summary = "One cluster by name, for launches to call";
  let description = [{
    The block's arguments are the cluster's inputs. A call passes them in order, then the cluster's results in order,
    except those that are the next value of a state: they are written through the state's own argument.
    `scratch_bytes` is what each thread of a launch needs besides; the emitter sets it.
    Constraints: (C1) exactly one op, an `mm1.cluster`; (C2) its inputs are the block's arguments, in order.
    ```mlir
    plan.kernel @linear_silu_0 {
    ^bb0(%x: tensor<?x64xbf16>, %w: tensor<192x64xbf16>):
      %y = mm1.cluster matmul (%x, %w) : (tensor<?x64xbf16>, tensor<192x64xbf16>) -> tensor<?x192xbf16> { ... }
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<I64Attr>:$scratch_bytes);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name (`scratch_bytes` `=` $scratch_bytes^)? attr-dict-with-keyword $body";
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::mm1::ClusterOp getCluster();
    /// The parameters of a call: type and access of each.
    ::llvm::SmallVector<::mlir::plan::KernelParameter> getParameters();
  }];
}

def Plan_EntryOp : Plan_Op<"entry", [Symbol, IsolatedFromAbove, NoTerminator, SingleBlock,
                                     HasParent<"::mlir::ModuleOp">, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "One bucket of one entry function, on one rank";
  let description = [{
    Serves every batch of at most `tokens` tokens of at most `sequences` sequences; for `head`, `tokens` counts rows.
    Constraints: (C1) holds plan ops only; (C2) tokens, sequences and rank fit the kind and the module's `plan.limits`;
    (C3) buffers that share bytes are never in use at once (named ones are in use throughout);
    (C4) a buffer is written before it is read, and two steps that touch it are ordered when one of them writes
    (inputs are written by the session before the entry starts); (C5) a wait names a signal above it, and each signal
    has its own number; (C6) extents lie in the arena; (C7) a name stands once; (C8) outputs are written.
    ```mlir
    plan.entry @decode_8 decode tokens = 8 sequences = 8 rank = 0 { ... }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Plan_EntryKind:$kind, I64Attr:$tokens, I64Attr:$sequences, I64Attr:$rank);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name $kind `tokens` `=` $tokens `sequences` `=` $sequences `rank` `=` $rank attr-dict-with-keyword $body
  }];
  let hasRegionVerifier = 1;
}

//===------------------------- What an entry names ---------------------------===//

def Plan_BufferOp : Plan_Op<"buffer", [HasParent<"EntryOp">]> {
  let summary = "A tensor at a fixed offset of the arena";
  let description = [{
    `rows` stands for a dynamic first dimension and `columns` for a dynamic second one (the page table). A named
    buffer is a port: the session writes inputs before the entry and reads outputs after it.
    Constraints: (C1) offset is a multiple of 64 and not negative; (C2) `bytes` is what Layout.h says for type, rows
    and columns; (C3) a name and a role come together.
    ```mlir
    %x = plan.buffer at 4096 bytes = 2048 rows = 8 : tensor<?x100xbf16>
    %p = plan.buffer input "pages" at 512 bytes = 64 rows = 2 columns = 4 : tensor<?x?xi32>
    ```
  }];
  let arguments = (ins OptionalAttr<Plan_PortRole>:$role, OptionalAttr<StrAttr>:$name, I64Attr:$offset, I64Attr:$bytes,
                       I64Attr:$rows, DefaultValuedAttr<I64Attr, "0">:$columns);
  let results = (outs Res<AnyRankedTensor, "", [MemAlloc]>:$value);
  let assemblyFormat = [{
    ($role^ $name)? `at` $offset `bytes` `=` $bytes `rows` `=` $rows (`columns` `=` $columns^)? attr-dict `:` type($value)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() { return ::llvm::cast<::mlir::RankedTensorType>(getValue().getType()); }
    int64_t getEnd() { return getOffset() + getBytes(); }
  }];
}

def Plan_WeightRefOp : Plan_Op<"weight_ref", [Pure, HasParent<"EntryOp">, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A packed weight as an argument";
  let description = [{
    Constraints: (C1) names an `mm1.weight` of this type.
    ```mlir
    %w = plan.weight_ref @layers.0.out_proj : tensor<64x128xbf16, #mm1.tiled<panel = 32, depth = 2>>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs AnyRankedTensor:$value);
  let assemblyFormat = "$weight attr-dict `:` type($value)";
}

def Plan_StateRefOp : Plan_Op<"state_ref", [Pure, HasParent<"EntryOp">, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A pool of state as an argument";
  let description = [{
    Constraints: (C1) names an `mm1.state` of this type.
    ```mlir
    %s = plan.state_ref @layers.0.lightning : tensor<?x4x16x16xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$state);
  let results = (outs AnyRankedTensor:$value);
  let assemblyFormat = "$state attr-dict `:` type($value)";
}

//===------------------------- What an entry does ----------------------------===//

def Plan_LaunchOp : Plan_AccessOp<"launch", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Runs a kernel on all tasks of its grid";
  let description = [{
    The grid has `tasks * ceil(count(unit) / per)` tasks, each run once, in any order, on any number of threads; count
    is 1, the batch's tokens, or its sequences. `label` says where the kernel comes from, for traces and messages.
    Constraints: (C1) names a `plan.kernel`; (C2) passes what the kernel takes: number, types and access;
    (C3) the grid is positive, and the one of the kernel's schedule when it has one; (C4) weights are only read;
    (C5) arguments come from `plan.buffer`, `plan.weight_ref` or `plan.state_ref`.
    ```mlir
    plan.launch @linear_silu_0 (read %x : tensor<?x64xbf16>, read %w : tensor<192x64xbf16>, write %y : tensor<?x192xbf16>)
        tasks = 6 unit = one per = 1 label = "layers.0.self_attn/linear_silu"
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<AnyRankedTensor>:$args, DenseI32ArrayAttr:$access,
                       I64Attr:$tasks, Plan_GridUnit:$unit, I64Attr:$per, OptionalAttr<StrAttr>:$label,
                       DefaultValuedAttr<I64Attr, "0">:$stream);
  let assemblyFormat = [{
    $kernel custom<Arguments>($args, type($args), $access) `tasks` `=` $tasks `unit` `=` $unit `per` `=` $per
        (`label` `=` $label^)? (`stream` `=` $stream^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Plan_CollectiveOp : Plan_AccessOp<"collective"> {
  let summary = "An exchange between ranks";
  let description = [{
    Every rank of `ranks` takes part with its own buffers, in the same order of collectives.
    Constraints: (C1) reads one buffer and writes one; (C2) `ranks` rises and has this entry's rank; (C3) types:
    `all_reduce` keeps them, `all_gather` makes the last dimension as many times wider as there are ranks;
    (C4) all ranks agree in the sequence of collectives they share (checked by `mm1-verify-plan`);
    (C5) arguments come from `plan.buffer`.
    ```mlir
    plan.collective all_reduce ranks = [0, 1] (read %x : tensor<?x64xbf16>, write %y : tensor<?x64xbf16>) stream = 1
    ```
  }];
  let arguments = (ins Plan_CollectiveKind:$kind, DenseI64ArrayAttr:$ranks, Variadic<AnyRankedTensor>:$args,
                       DenseI32ArrayAttr:$access, DefaultValuedAttr<I64Attr, "0">:$stream);
  let assemblyFormat = [{
    $kind `ranks` `=` $ranks custom<Arguments>($args, type($args), $access) (`stream` `=` $stream^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Plan_HostCallOp : Plan_AccessOp<"host_call"> {
  let summary = "A function of the runtime by name";
  let description = [{
    For what is no kernel: a library's matrix product, a sampler. The runtime refuses a plan whose callee it lacks.
    Constraints: (C1) the callee has a name; (C2) arguments come from plan ops that name memory.
    ```mlir
    plan.host_call "sample" (read %logits : tensor<?x512xf32>, write %ids : tensor<?xi32>)
    ```
  }];
  let arguments = (ins StrAttr:$callee, Variadic<AnyRankedTensor>:$args, DenseI32ArrayAttr:$access,
                       DefaultValuedAttr<I64Attr, "0">:$stream);
  let assemblyFormat = "$callee custom<Arguments>($args, type($args), $access) (`stream` `=` $stream^)? attr-dict";
  let hasVerifier = 1;
}

def Plan_SignalOp : Plan_StepOp<"signal"> {
  let summary = "Marks that everything above it in its stream is done";
  let description = [{
    Constraints: (C1) the entry has no other signal of this number (checked by `plan.entry`).
    ```mlir
    plan.signal 3 stream = 0
    ```
  }];
  let arguments = (ins I64Attr:$event, DefaultValuedAttr<I64Attr, "0">:$stream);
  let assemblyFormat = "$event (`stream` `=` $stream^)? attr-dict";
}

def Plan_WaitOp : Plan_StepOp<"wait"> {
  let summary = "Holds its stream until a signal is given";
  let description = [{
    Constraints: (C1) the signal stands above (checked by `plan.entry`).
    ```mlir
    plan.wait 3 stream = 1
    ```
  }];
  let arguments = (ins I64Attr:$event, DefaultValuedAttr<I64Attr, "0">:$stream);
  let assemblyFormat = "$event (`stream` `=` $stream^)? attr-dict";
}

#endif // PLAN_OPS_TD
