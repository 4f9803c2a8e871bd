//===- PlanOps.td - What the runtime does, step by step -------*- tablegen -*-===//
// Read from top to bottom: limits, modules and kernels, entries, what an entry names (buffers, weights, states), what it
// does (launches, copies, collectives, host calls, signals and waits).
//
//   plan.limits max_sequences = 2 max_context = 128 max_prefill = 16 page_tokens = 64 pages = 4 arena_bytes = 448
//       candidates = 8 page_image = "cpu-1"
//   plan.kernel_module @kernels cpu
//   plan.kernel @silu_0 in @kernels {
//   ^bb0(%x: tensor<?x32xf32>):
//     %y = mm1.cluster elementwise (%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> { ... }
//   }
//   plan.entry @decode_1 decode tokens = 1 sequences = 1 stage = 0 {
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

    Ranks: all ranks of a pipeline stage run the same entries on their own bytes; what differs between them is in their
    weights. The ranks form a grid of pp stages, times ep, times tp (`plan.limits`), and collectives name its axes: so
    ranks cannot disagree in what they do together, only one entry's own order is left to prove.
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

def Plan_DeviceKind : I32EnumAttr<"DeviceKind", "What runs a module of kernels", [
    I32EnumAttrCase<"CPU", 0, "cpu">,
    I32EnumAttrCase<"CUDA", 1, "cuda">]> {
  let cppNamespace = "::mlir::plan";
}

def Plan_Builtin : I32EnumAttr<"Builtin", "A kernel without a cluster", [
    I32EnumAttrCase<"Begin", 0, "begin">,
    I32EnumAttrCase<"Publish", 1, "publish">]> {
  let cppNamespace = "::mlir::plan";
}

def Plan_GridAxis : I32EnumAttr<"GridAxis", "An axis of the grid of ranks", [
    I32EnumAttrCase<"PP", 0, "pp">,
    I32EnumAttrCase<"EP", 1, "ep">,
    I32EnumAttrCase<"TP", 2, "tp">]> {
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

//===--------------------- Limits, modules and kernels -----------------------===//

def Plan_LimitsOp : Plan_Op<"limits", [HasParent<"::mlir::ModuleOp">]> {
  let summary = "The sizes the whole plan is made for";
  let description = [{
    `max_sequences` slots, `max_context` tokens of one sequence, `max_prefill` tokens of one prefill step, pages of
    `page_tokens` tokens of which all sequences together have `pages`, `arena_bytes` of memory for all entries, and at
    most `candidates` of a row.
    `page_image` names how keys and values lie in a page: what one image wrote no other reads. `spare_slots` and
    `spare_pages` are units behind the others that belong to no sequence, for rows that a device drops.
    `grid` is the number of pipeline stages, expert-parallel and tensor-parallel ranks: [pp, ep, tp].
    Constraints: (C1) all positive, spares from 0 on; (C2) one per module; (C3) the grid has three sizes, and as many
    ranks in all as the module's `mm1.ranks`; (C4) the page image has a name.
    ```mlir
    plan.limits max_sequences = 8 max_context = 4096 max_prefill = 256 page_tokens = 64 pages = 512 arena_bytes = 65536
        candidates = 64 page_image = "cpu-1"
    plan.limits max_sequences = 8 max_context = 4096 max_prefill = 256 page_tokens = 64 pages = 512 arena_bytes = 65536
        candidates = 64 page_image = "gpu-1" spare_slots = 1 spare_pages = 1 grid = [1, 2, 4]
    ```
  }];
  let arguments = (ins I64Attr:$max_sequences, I64Attr:$max_context, I64Attr:$max_prefill, I64Attr:$page_tokens,
                       I64Attr:$pages, I64Attr:$arena_bytes, I64Attr:$candidates, StrAttr:$page_image,
                       DefaultValuedAttr<I64Attr, "0">:$spare_slots, DefaultValuedAttr<I64Attr, "0">:$spare_pages,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1, 1}">:$grid);
  let assemblyFormat = [{
    `max_sequences` `=` $max_sequences `max_context` `=` $max_context `max_prefill` `=` $max_prefill
        `page_tokens` `=` $page_tokens `pages` `=` $pages `arena_bytes` `=` $arena_bytes `candidates` `=` $candidates
        `page_image` `=` $page_image (`spare_slots` `=` $spare_slots^)? (`spare_pages` `=` $spare_pages^)?
        (`grid` `=` $grid^)? attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Columns of the page table: pages of the longest sequence.
    int64_t getPageColumns() { return (getMaxContext() + getPageTokens() - 1) / getPageTokens(); }
    /// Ranks along an axis.
    int64_t getGridSize(GridAxis axis) { return getGrid()[static_cast<size_t>(axis)]; }
    int64_t getNumRanks() { return getGrid()[0] * getGrid()[1] * getGrid()[2]; }
  }];
}

def Plan_KernelModuleOp : Plan_Op<"kernel_module", [Symbol, HasParent<"::mlir::ModuleOp">,
                                                    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Kernels that are built and loaded together";
  let description = [{
    A module of a cpu becomes one file a level of the processor, of which a device takes the best it can run; one of a GPU
    becomes a file for `arch`. With `host_of` it is the same text as a GPU's module, built for the processor, so that a
    driver that is emulated can run it.
    Constraints: (C1) a cuda module names its architecture, a cpu module none; (C2) `host_of` stands on a cpu module and
    names a cuda module above it.
    ```mlir
    plan.kernel_module @kernels cpu
    plan.kernel_module @decode cuda arch = "sm_90a"
    plan.kernel_module @decode_host cpu host_of = @decode
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Plan_DeviceKind:$device, OptionalAttr<StrAttr>:$arch,
                       OptionalAttr<FlatSymbolRefAttr>:$host_of);
  let assemblyFormat = "$sym_name $device (`arch` `=` $arch^)? (`host_of` `=` $host_of^)? attr-dict";
  let hasVerifier = 1;
}

def Plan_KernelOp : Plan_Op<"kernel", [Symbol, IsolatedFromAbove, NoTerminator, SingleBlock, HasParent<"::mlir::ModuleOp">,
                                       DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "One cluster by name, for launches to call";
  let description = [{
    The block's arguments are the cluster's inputs. A call passes them in order, then the cluster's results in order,
    except those that are the next value of a state: they are written through the state's own argument.
    A builtin has no cluster. There are two: `begin` fills the input ports of its entry from the step block, and `publish`
    hands its output ports to the host. Each parameter is a port by name.
    `waits` says that the kernel's text waits for the launch before it before it touches anything but weights; only such a
    kernel may start early.
    Constraints: (C1) exactly one op, an `mm1.cluster`, or a builtin's ports, each named once, and nothing else; (C2) the cluster's
    inputs are the block's arguments, in order; (C3) names a `plan.kernel_module`; (C4) a cpu's kernel is no builtin and does not
    wait: its launches run one after the other.
    ```mlir
    plan.kernel @linear_silu_0 in @kernels {
    ^bb0(%x: tensor<?x64xbf16>, %w: tensor<192x64xbf16>):
      %y = mm1.cluster matmul (%x, %w) : (tensor<?x64xbf16>, tensor<192x64xbf16>) -> tensor<?x192xbf16> { ... }
    }
    plan.kernel @begin_0 in @decode builtin begin (write "tokens" tensor<?xi32>, update "pages" tensor<?x?xi32>) waits
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$module, OptionalAttr<Plan_Builtin>:$builtin,
                       OptionalAttr<StrArrayAttr>:$builtin_ports, OptionalAttr<TypeArrayAttr>:$builtin_types,
                       OptionalAttr<DenseI32ArrayAttr>:$builtin_access, UnitAttr:$waits);
  let regions = (region MaxSizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `in` $module (`builtin` $builtin^ custom<Ports>($builtin_ports, $builtin_types, $builtin_access))? (`waits` $waits^)?
        attr-dict-with-keyword ($body^)?
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    bool isBuiltin() { return getBuiltin().has_value(); }
    /// Of a kernel that is no builtin.
    ::mlir::mm1::ClusterOp getCluster();
    /// The parameters of a call: type and access of each.
    ::llvm::SmallVector<::mlir::plan::KernelParameter> getParameters();
  }];
}

def Plan_EntryOp : Plan_Op<"entry", [Symbol, IsolatedFromAbove, NoTerminator, SingleBlock,
                                     HasParent<"::mlir::ModuleOp">, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "One bucket of one entry function, on every rank of one pipeline stage";
  let description = [{
    Serves every batch of at most `tokens` tokens of at most `sequences` sequences; for `head`, `tokens` counts rows.
    Constraints: (C1) holds plan ops only; (C2) tokens, sequences and stage fit the kind and the module's `plan.limits`;
    (C3) buffers that share bytes are never in use at once (named ones are in use throughout);
    (C4) a buffer is written before it is read, and two steps that touch it are ordered when one of them writes
    (inputs are written by the session before the entry starts); (C5) a wait names a signal above it, and each signal
    has its own number; (C6) extents lie in the arena; (C7) a name stands once; (C8) outputs are written; (C9) each
    collective is ordered behind those above it, so that all ranks come to them in one order.
    ```mlir
    plan.entry @decode_8 decode tokens = 8 sequences = 8 stage = 0 { ... }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Plan_EntryKind:$kind, I64Attr:$tokens, I64Attr:$sequences, I64Attr:$stage);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name $kind `tokens` `=` $tokens `sequences` `=` $sequences `stage` `=` $stage attr-dict-with-keyword $body
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
    The grid has `tasks * ceil(count(unit) / per)` tasks, each run once, in any order, by any number of workers (threads of
    a cpu, blocks of a GPU); count is 1, the batch's tokens, or its sequences. A worker takes at most `grain` tasks at
    once: 1 where tasks are uneven, 0 where the device decides. `label` says where the kernel comes from, for traces and
    messages.
    Of a GPU: blocks have `threads` threads and `shared_bytes` of dynamic shared memory; `workspace_bytes` is memory that
    the blocks of one launch share, zero when it starts and when it ends (what each thread of a cpu needs for itself is a
    fact of the kernel, see Kernel.scratch_bytes in plan.fbs); with `early_start` it may begin before the launch in front
    of it in its stream has ended.
    Constraints: (C1) names a `plan.kernel`; (C2) passes what the kernel takes: number, types and access;
    (C3) the grid is positive, and the one of the kernel's schedule when it has one; (C4) weights are only read;
    (C5) arguments come from `plan.buffer`, `plan.weight_ref` or `plan.state_ref`; (C6) sizes are not negative; (C7) only
    a kernel that waits starts early; (C8) a GPU's launch has a block shape, a cpu's has none and nothing else of a GPU's.
    ```mlir
    plan.launch @linear_silu_0 (read %x : tensor<?x64xbf16>, read %w : tensor<192x64xbf16>, write %y : tensor<?x192xbf16>)
        tasks = 6 unit = one per = 1 label = "layers.0.self_attn/linear_silu"
    plan.launch @linear_silu_1 (...) tasks = 132 unit = one per = 1 threads = 128 shared_bytes = 65536 early_start
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<AnyRankedTensor>:$args, DenseI32ArrayAttr:$access,
                       I64Attr:$tasks, Plan_GridUnit:$unit, I64Attr:$per, DefaultValuedAttr<I64Attr, "0">:$grain,
                       DefaultValuedAttr<I64Attr, "0">:$threads, DefaultValuedAttr<I64Attr, "0">:$shared_bytes,
                       DefaultValuedAttr<I64Attr, "0">:$workspace_bytes, UnitAttr:$early_start, OptionalAttr<StrAttr>:$label,
                       DefaultValuedAttr<I64Attr, "0">:$stream);
  let assemblyFormat = [{
    $kernel custom<Arguments>($args, type($args), $access) `tasks` `=` $tasks `unit` `=` $unit `per` `=` $per
        (`grain` `=` $grain^)? (`threads` `=` $threads^)? (`shared_bytes` `=` $shared_bytes^)?
        (`workspace_bytes` `=` $workspace_bytes^)? (`early_start` $early_start^)? (`label` `=` $label^)?
        (`stream` `=` $stream^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Plan_CopyOp : Plan_AccessOp<"copy"> {
  let summary = "Copies a buffer into another";
  let description = [{
    All of its bytes, whatever the batch.
    Constraints: (C1) reads one buffer and writes one of the same type and size; (C2) arguments come from `plan.buffer`.
    ```mlir
    plan.copy (read %x : tensor<?x64xbf16>, write %y : tensor<?x64xbf16>) stream = 1
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$args, DenseI32ArrayAttr:$access,
                       DefaultValuedAttr<I64Attr, "0">:$stream);
  let assemblyFormat = "custom<Arguments>($args, type($args), $access) (`stream` `=` $stream^)? attr-dict";
  let hasVerifier = 1;
}

def Plan_CollectiveOp : Plan_AccessOp<"collective"> {
  let summary = "An exchange between ranks";
  let description = [{
    Ranks that differ only along `axes` of the grid take part together, each with its own buffers.
    Constraints: (C1) reads one buffer and writes one; (C2) `axes` are one or both of ep and tp, in this order (stages run
    other entries); (C3) types: `all_reduce` keeps them, `all_gather` makes the last dimension as many times wider as
    there are ranks along the axes; (C4) arguments come from `plan.buffer`.
    ```mlir
    plan.collective all_reduce [ep, tp] (read %x : tensor<?x64xbf16>, write %y : tensor<?x64xbf16>) stream = 1
    ```
  }];
  let arguments = (ins Plan_CollectiveKind:$kind, DenseI32ArrayAttr:$axes, Variadic<AnyRankedTensor>:$args,
                       DenseI32ArrayAttr:$access, DefaultValuedAttr<I64Attr, "0">:$stream);
  let assemblyFormat = [{
    $kind custom<Axes>($axes) custom<Arguments>($args, type($args), $access) (`stream` `=` $stream^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Plan_HostCallOp : Plan_AccessOp<"host_call"> {
  let summary = "A function of the runtime by name";
  let description = [{
    For what is no kernel: choosing tokens on a cpu, a library's matrix product. It has a grid as a launch has, and
    `numbers` are sizes and strides that the function takes besides (runtime/Artifact/HostCalls.h says which). The
    runtime refuses a plan whose callee it lacks.
    Constraints: (C1) the callee has a name; (C2) arguments come from plan ops that name memory; (C3) the grid is
    positive.
    ```mlir
    plan.host_call "top_candidates" (read %logits : tensor<?x512xf32>, ..., write %ids : tensor<?x64xi32>)
        numbers = [512, 64, 512, 64, 64, 32] tasks = 1 unit = tokens per = 1 label = "sampling/top_candidates"
    ```
  }];
  let arguments = (ins StrAttr:$callee, Variadic<AnyRankedTensor>:$args, DenseI32ArrayAttr:$access,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$numbers, I64Attr:$tasks, Plan_GridUnit:$unit, I64Attr:$per,
                       OptionalAttr<StrAttr>:$label, DefaultValuedAttr<I64Attr, "0">:$stream);
  let assemblyFormat = [{
    $callee custom<Arguments>($args, type($args), $access) (`numbers` `=` $numbers^)? `tasks` `=` $tasks `unit` `=` $unit
        `per` `=` $per (`label` `=` $label^)? (`stream` `=` $stream^)? attr-dict
  }];
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
